"""The process of a command: how it fails, how it is interrupted, and its streams."""
