"""Splits in memory: decoded images, their class counts, and cross-validation folds."""
