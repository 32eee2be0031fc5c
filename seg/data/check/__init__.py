"""Checks of datasets before anything is trained on them."""
