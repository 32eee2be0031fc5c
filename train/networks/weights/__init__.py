"""Weights from elsewhere: pretrained encoders, state dicts of any origin, and checks before loading."""
