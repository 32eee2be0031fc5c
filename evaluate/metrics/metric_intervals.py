"""Bootstrap intervals of any metric, over images or groups of them."""

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.metrics.segmentation import INTERVAL, RESAMPLES
from seg.metrics.metric import Metric, TalliesIC2


def tallies_by_group(tallies_ic2: TalliesIC2, group_i: GroupI) -> TalliesIC2:
    """The summed tallies of each group, `[G, C, 2]`."""
    summed = np.zeros((int(group_i.max()) + 1, *tallies_ic2.shape[1:]))
    np.add.at(summed, group_i, tallies_ic2)
    return summed


def metric_interval(metric: Metric, tallies_gc2: TalliesIC2) -> tuple[float, float] | None:
    """The 95 % interval of the score; None for a single group."""
    return _interval(_resampled(metric, tallies_gc2)) if len(tallies_gc2) > 1 else None


def gain_interval(metric: Metric, first: TalliesIC2, second: TalliesIC2) -> tuple[float, float, float]:
    """The gain of the second over the first on the same groups, with its 95 % interval."""
    low, high = _interval(_resampled(metric, second) - _resampled(metric, first))
    return metric.score(second) - metric.score(first), low, high


def _resampled(metric: Metric, tallies_gc2: TalliesIC2) -> NDArray[np.float64]:
    """Scores of groups that are drawn again with a fixed seed."""
    groups = len(tallies_gc2)
    times = np.random.default_rng(0).multinomial(groups, np.full(groups, 1 / groups), size=RESAMPLES)
    return np.array([metric.score(one[None]) for one in np.tensordot(times, tallies_gc2, 1)])


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.nanpercentile(values, INTERVAL)
    return float(low), float(high)
