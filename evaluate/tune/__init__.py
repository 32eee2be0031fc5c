"""Tuning: members, weights and views are selected on labelled images, from cached passes."""

from seg.evaluate.tune.tune import Tuned, tune

__all__ = ["Tuned", "tune"]
