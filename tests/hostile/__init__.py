"""Broken and malicious input over all commands: what it may cost, and what a user may see of it."""
