"""Probabilities of many passes, merged to one and decided."""
