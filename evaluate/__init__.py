"""Evaluation: metrics, tuning, reports, and checks of submissions."""
