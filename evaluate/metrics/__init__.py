"""Metrics of label maps and probabilities against their truth."""
