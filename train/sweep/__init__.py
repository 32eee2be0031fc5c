"""Many recipes, each trained for a few epochs, to find those worth training for long."""

from seg.train.sweep.choose import choose_together
from seg.train.sweep.study import Sweep, open_sweep
from seg.train.sweep.trials import Outcome

__all__ = ["Outcome", "Sweep", "choose_together", "open_sweep"]
