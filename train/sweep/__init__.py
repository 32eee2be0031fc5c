"""Hyperparameter sweeps with Optuna: many recipes, each trained for a few epochs."""

from seg.train.sweep.choose import choose_complementary
from seg.train.sweep.study import Sweep, open_sweep
from seg.train.sweep.trials import TrialResult

__all__ = ["Sweep", "TrialResult", "choose_complementary", "open_sweep"]
