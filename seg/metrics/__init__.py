"""Metrics of contests: what predictions of a split are judged by."""
