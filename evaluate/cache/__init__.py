"""Passes that were computed once: stored, found again, merged in other mixtures."""
