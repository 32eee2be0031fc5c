"""Checkpoints in, deployable files out."""
