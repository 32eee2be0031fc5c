"""Merging the probabilities of many passes into one, and deciding labels."""
