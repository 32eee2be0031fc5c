"""Which members, weights and views: found by measurement on labelled images, from passes kept in a cache."""

from seg.evaluate.tune.tune import Tuned, tune

__all__ = ["Tuned", "tune"]
