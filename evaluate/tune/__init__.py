"""Tuning: members, weights and views are selected on labelled images, from cached passes."""

from seg.evaluate.tune.tune import TuningResult, tune_mixture

__all__ = ["TuningResult", "tune_mixture"]
