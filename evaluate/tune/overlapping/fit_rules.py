"""The best rule of a class in its table: a threshold, then a least area, then what an image must have.

What is added is searched together with what was there: the best threshold with a least area is lower than
without one.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.tune.overlapping.region_table import SURE, Fit, RegionTable
from seg.evaluate.tune.overlapping.threshold_curves import position_of_best_threshold
from seg.metrics.from_counts import Tallies, class_score_from_counts
from seg.spec.ensemble.decision import ClassRule

FITTED: Final = ("threshold", "least_area", "empty_below")
"""What is fitted of a rule. Other keys of a spec's decision stay as they are."""


def rule_fits_in_order(tallies: Tallies) -> dict[str, Fit]:
    """What is fitted, from few numbers to many, by name."""

    def is_judged(table: RegionTable) -> bool:
        """Whether the metric has something to judge of the class, at any threshold."""
        return bool(np.isfinite(_scores_of_rules(table, tallies)).any())

    def threshold(table: RegionTable) -> ClassRule:
        return (
            table.rule(position_of_best_threshold(_scores_of_rules(table, tallies)[:, 0]), 0)
            if is_judged(table)
            else ClassRule()
        )

    def area(table: RegionTable) -> ClassRule:
        return (
            table.rule(*_best_threshold_and_area(_scores_of_rules(table, tallies)))
            if is_judged(table)
            else ClassRule()
        )

    def emptiness(table: RegionTable) -> ClassRule:
        if not is_judged(table):
            return ClassRule()
        counts = table.counts
        best, found = -np.inf, ClassRule()
        for sure in range(len(SURE)):
            for size in range(1, len(table.areas)):
                empty_i = table.largest_si[sure] < table.areas[size]
                scores_ta = class_score_from_counts(tallies, counts.without(empty_i))
                if np.nanmax(scores_ta) > best:
                    best = np.nanmax(scores_ta)
                    found = table.rule(*_best_threshold_and_area(scores_ta), (sure, size))
        return found

    return {"thresholds": threshold, "areas": area, "emptiness": emptiness}


def with_fitted_rule(rule: ClassRule, fitted: ClassRule) -> ClassRule:
    """A rule with what is fitted, and its own other keys."""
    return rule.model_copy(update={key: getattr(fitted, key) for key in FITTED})


def _scores_of_rules(table: RegionTable, tallies: Tallies) -> NDArray[np.float64]:
    """Of all thresholds and areas, `[T, A]`."""
    return class_score_from_counts(tallies, table.counts)


def _best_threshold_and_area(scores_ta: NDArray[np.float64]) -> tuple[int, int]:
    """The best threshold and area, and of equal ones the smallest area."""
    area = int(np.nanmax(scores_ta, axis=0).argmax())
    return position_of_best_threshold(scores_ta[:, area]), area
