"""Models and images in, labels and submissions out."""
