"""The HTTP of `seg serve`: connections, admission control, errors and metrics."""
