"""Training, beside a plain loop."""
