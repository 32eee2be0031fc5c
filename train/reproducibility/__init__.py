"""Reproducible training: seeds derived from the recipe, and deterministic algorithms."""
