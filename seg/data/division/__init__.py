"""Division of images: into a training and a validation part, and into folds."""
