"""The choice of a departure from equal weights: how much may be fitted depends on the number of groups.

Weights and the exponent are few numbers: what is best on groups that were left out is taken. Class factors
are many: the smallest strength within one standard error of the best is taken. These rules and their numbers
are chosen by the simulation of `docs/design/tuning.md`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from seg.evaluate.tune.by_group import Criterion, GroupI, error_of_gain, score
from seg.evaluate.tune.departures import Departure, Departures

WEIGHTS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
EXPONENTS: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
FACTORS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)

ENOUGH_GROUPS: Final = 5
"""From so many groups on, class factors are fitted."""

FEW_GROUPS_EXPONENTS: Final = (0.0, 0.05, 0.1, 0.15)
"""With fewer groups."""

ONE_GROUP_WEIGHTS: Final = 0.5
ONE_GROUP_EXPONENTS: Final = (0.0, 0.05, 0.1)
"""With one group, on which both fitting and judging must be done."""


def choose_departure(departures: Departures, group_i: GroupI, criterion: Criterion = "mean") -> Departure:
    """The departure that is expected to be best on other groups."""
    groups = int(group_i.max()) + 1
    if groups == 1:
        weighted = Departure(weights=ONE_GROUP_WEIGHTS)
        return departures.best_at_home([replace(weighted, exponent=one) for one in ONE_GROUP_EXPONENTS])

    def best(tried: Sequence[Departure]) -> Departure:
        # Among equals, the smallest.
        return max(tried, key=lambda one: score(departures.judge(one), group_i, criterion))

    chosen = best([Departure(weights=one) for one in WEIGHTS])
    exponents = EXPONENTS if groups >= ENOUGH_GROUPS else FEW_GROUPS_EXPONENTS
    chosen = best([replace(chosen, exponent=one) for one in exponents])
    if groups < ENOUGH_GROUPS:
        return chosen
    tried = [replace(chosen, factors=one) for one in FACTORS]
    top = best(tried)
    return next(one for one in tried if _within_error(departures, top, one, group_i, criterion))


def _within_error(
    departures: Departures, top: Departure, other: Departure, group_i: GroupI, criterion: Criterion
) -> bool:
    """Whether another departure is at most one standard error below the best."""
    if other == top:
        return True
    top_icc, other_icc = departures.judge(top), departures.judge(other)
    loss = score(top_icc, group_i, criterion) - score(other_icc, group_i, criterion)
    return loss <= error_of_gain(top_icc, other_icc, group_i, criterion)
