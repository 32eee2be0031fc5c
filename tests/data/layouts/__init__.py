"""Replicas of the layouts that people's data come in, drawn small."""
