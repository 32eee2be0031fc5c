"""Bootstrap intervals of any metric, from the tallies of images or of groups of images."""

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.metrics.segmentation import INTERVAL, RESAMPLES
from seg.metrics.metric import Metric, TalliesIC2


def score_interval(metric: Metric, tallies_gc2: TalliesIC2) -> tuple[float, float]:
    """The 95 % interval of the score; `tallies_gc2` has those of each image or group, `[G, C, 2]`."""
    return _interval(_resampled(metric, tallies_gc2))


def gain_interval(
    metric: Metric, before_gc2: TalliesIC2, after_gc2: TalliesIC2
) -> tuple[float, float, float]:
    """The gain of the second over the first on the same groups, with its 95 % interval."""
    gain = metric.score(after_gc2) - metric.score(before_gc2)
    return (gain, *_interval(_resampled(metric, after_gc2) - _resampled(metric, before_gc2)))


def _resampled(metric: Metric, tallies_gc2: TalliesIC2) -> NDArray[np.float64]:
    """Scores of groups that are drawn again with a fixed seed."""
    groups = len(tallies_gc2)
    times = np.random.default_rng(0).multinomial(groups, np.full(groups, 1 / groups), size=RESAMPLES)
    return np.array([metric.score(one[None]) for one in np.tensordot(times, tallies_gc2, 1)])


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.nanpercentile(values, INTERVAL)
    return float(low), float(high)
