"""Readers of the datasets of annotation tools and archives, a file for each format."""
