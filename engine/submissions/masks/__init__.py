"""Masks: submissions as an image or array of pixel values for each image."""
