"""The dataset YAML."""
