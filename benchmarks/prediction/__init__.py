"""Prediction, beside the loops that everyone writes."""
