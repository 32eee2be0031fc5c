"""`seg export` and all its formats."""
