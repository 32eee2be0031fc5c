"""`seg data` and all its commands."""
