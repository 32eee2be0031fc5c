"""Predictions and labels in, knowledge out."""
