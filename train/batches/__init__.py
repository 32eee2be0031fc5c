"""Batches for training and validation: sampling, torch datasets and data loaders."""
