"""The choice of a departure from equal weights: how much may be fitted depends on the number of groups.

Weights and the exponent are few numbers: what is best on groups that were left out is taken. Class factors
are many: the smallest strength within one standard error of the best is taken. So it is for the weights where
there is one group, of which only images that resemble the others can be left out. These rules and their
numbers are chosen by the simulation of `docs/design/tuning.md`.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
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

ONE_GROUP_WEIGHTS: Final = (0.0, 0.25, 0.5)
ONE_GROUP_EXPONENTS: Final = (0.0, 0.05, 0.1)
"""With one group, of which blocks of images that follow one another are left out."""


def choose_departure(departures: Departures, group_i: GroupI, criterion: Criterion = "mean") -> Departure:
    """The departure that is expected to be best on other groups."""
    groups = int(group_i.max()) + 1
    by_score = partial(_score, departures, criterion=criterion)
    if groups == 1:
        weighted = [Departure(weights=one) for one in ONE_GROUP_WEIGHTS]
        chosen = _smallest_within_error(departures, weighted, criterion)
        return max((replace(chosen, exponent=one) for one in ONE_GROUP_EXPONENTS), key=by_score)
    chosen = max((Departure(weights=one) for one in WEIGHTS), key=by_score)
    exponents = EXPONENTS if groups >= ENOUGH_GROUPS else FEW_GROUPS_EXPONENTS
    chosen = max((replace(chosen, exponent=one) for one in exponents), key=by_score)
    if groups < ENOUGH_GROUPS:
        return chosen
    return _smallest_within_error(departures, [replace(chosen, factors=one) for one in FACTORS], criterion)


def _score(departures: Departures, departure: Departure, criterion: Criterion) -> float:
    return score(departures.judge(departure), departures.part_i, criterion)


def _smallest_within_error(
    departures: Departures, tried: Sequence[Departure], criterion: Criterion
) -> Departure:
    """The first departure that is at most one standard error below the best."""
    top = max(tried, key=lambda one: _score(departures, one, criterion))
    for one in tried[: tried.index(top)]:
        loss = _score(departures, top, criterion) - _score(departures, one, criterion)
        if loss <= error_of_gain(departures.judge(top), departures.judge(one), departures.part_i, criterion):
            return one
    return top
