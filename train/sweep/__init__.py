"""Many recipes, each trained for a few epochs, to find those worth training for long."""

from seg.train.sweep.choose import choose_complementary
from seg.train.sweep.study import Sweep, open_sweep
from seg.train.sweep.trials import TrialResult

__all__ = ["Sweep", "TrialResult", "choose_complementary", "open_sweep"]
