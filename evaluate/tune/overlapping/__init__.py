"""Tuning of classes that overlap: weights of members, thresholds, areas, and when a class is in no image."""
