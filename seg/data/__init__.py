"""Datasets on disk: images and label maps in, one `Split` for every format out."""
