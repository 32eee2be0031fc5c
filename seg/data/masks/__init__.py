"""Masks: from the pixel values, colours or files of any encoding to label maps."""
