"""Pairing: which files are the images of a split, what their ids are, and where their masks are."""
