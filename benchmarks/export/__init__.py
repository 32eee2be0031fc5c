"""Exported files: every decoder, every runtime."""
