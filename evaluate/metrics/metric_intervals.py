"""Bootstrap intervals of any metric, over images or groups of them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.metrics.groups import GroupI
from seg.metrics.metric import Metric, TalliesIC2

RESAMPLES: Final = 1000
INTERVAL: Final = (2.5, 97.5)


def tallies_by_group(tallies_ic2: TalliesIC2, group_i: GroupI) -> TalliesIC2:
    """The summed tallies of each group, `[G, C, 2]`."""
    summed = np.zeros((int(group_i.max()) + 1, *tallies_ic2.shape[1:]))
    np.add.at(summed, group_i, tallies_ic2)
    return summed


def metric_interval(metric: Metric, tallies_gc2: TalliesIC2) -> tuple[float, float] | None:
    """The 95 % interval of the score; None for a single group."""
    return interval_of_resamples(_resample_metric(metric, tallies_gc2)) if len(tallies_gc2) > 1 else None


def class_intervals(metric: Metric, tallies_gc2: TalliesIC2) -> tuple[tuple[float, float] | None, ...]:
    """The 95 % interval of each class's score; None for a class without one, and for a single group."""
    if len(tallies_gc2) == 1:
        return (None,) * len(metric.weights_c)
    drawn_rc = np.array([metric.class_scores(one[None]) for one in _resample_tallies(tallies_gc2)])
    is_scored_c = np.isfinite(metric.class_scores(tallies_gc2))
    return tuple(
        interval_of_resamples(scores_r) if is_scored else None
        for scores_r, is_scored in zip(drawn_rc.T, is_scored_c, strict=True)
    )


def gain_interval(metric: Metric, first: TalliesIC2, second: TalliesIC2) -> tuple[float, float, float]:
    """The gain of the second over the first on the same groups, with its 95 % interval."""
    low, high = interval_of_resamples(_resample_metric(metric, second) - _resample_metric(metric, first))
    return metric.score(second) - metric.score(first), low, high


def _resample_metric(metric: Metric, tallies_gc2: TalliesIC2) -> NDArray[np.float64]:
    """Scores of groups that are drawn again."""
    return np.array([metric.score(one[None]) for one in _resample_tallies(tallies_gc2)])


def _resample_tallies(tallies_gc2: TalliesIC2) -> TalliesIC2:
    """The summed tallies of groups that are drawn with a fixed seed, float64 `[RESAMPLES, C, 2]`."""
    groups = len(tallies_gc2)
    times = np.random.default_rng(0).multinomial(groups, np.full(groups, 1 / groups), size=RESAMPLES)
    return np.asarray(np.tensordot(times, tallies_gc2, 1))


def interval_of_resamples(values: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % interval of scores of resampled groups."""
    low, high = np.nanpercentile(values, INTERVAL)
    return float(low), float(high)
