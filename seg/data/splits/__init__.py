"""Splits: the protocol, and splits made of other splits or of images alone."""
