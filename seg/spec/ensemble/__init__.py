"""The ensemble YAML."""
