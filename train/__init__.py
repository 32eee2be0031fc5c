"""Datasets in, checkpoints out."""
