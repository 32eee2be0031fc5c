"""Optimiser, learning-rate schedules, averages of weights, and batch-normalisation statistics."""
