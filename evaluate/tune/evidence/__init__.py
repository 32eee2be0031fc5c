"""What a fit is judged on: groups of images that were left out."""
