"""Layouts of images and masks."""
