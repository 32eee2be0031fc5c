"""The choice of a departure from equal weights: how much may be fitted depends on the number of groups.

Weights are few numbers: what is best on groups that were left out is taken. Of the exponent and of class
factors, it is the smallest strength within one standard error of the best. With one group, only images that
resemble the others can be left out, and weights are what to be careful of. These rules and their numbers are
chosen by the simulation of `docs/design/tuning.md`.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from seg.evaluate.tune.evidence.by_group import Criterion, GroupI, error_of_gain, score
from seg.evaluate.tune.fits.departures import Departure, Departures

WEIGHTS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
EXPONENTS: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
FACTORS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)

ENOUGH_GROUPS: Final = 5
"""From so many groups on, class factors are fitted."""

WEIGHTS_OF_FEW: Final = (0.0, 0.25, 0.5)
EXPONENTS_OF_FEW: Final = (0.0, 0.05, 0.1)
"""With fewer groups."""


def choose_departure(departures: Departures, group_i: GroupI, criterion: Criterion = "mean") -> Departure:
    """The departure that is expected to be best on other groups."""
    groups = int(group_i.max()) + 1
    best = partial(_best, departures, criterion=criterion)
    careful = partial(_smallest_within_error, departures, criterion=criterion)
    if groups < ENOUGH_GROUPS:
        of_weights, of_exponent = (careful, best) if groups == 1 else (best, careful)
        chosen = of_weights([Departure(weights=one) for one in WEIGHTS_OF_FEW])
        return of_exponent([replace(chosen, exponent=one) for one in EXPONENTS_OF_FEW])
    chosen = best([Departure(weights=one) for one in WEIGHTS])
    chosen = careful([replace(chosen, exponent=one) for one in EXPONENTS])
    return careful([replace(chosen, factors=one) for one in FACTORS])


def _best(departures: Departures, tried: Sequence[Departure], criterion: Criterion) -> Departure:
    """The best departure; among equals, the smallest."""
    return max(tried, key=lambda one: _score(departures, one, criterion))


def _score(departures: Departures, departure: Departure, criterion: Criterion) -> float:
    return score(departures.judge(departure), departures.part_i, criterion)


def _smallest_within_error(
    departures: Departures, tried: Sequence[Departure], criterion: Criterion
) -> Departure:
    """The first departure that is at most one standard error below the best."""
    top = _best(departures, tried, criterion)
    for one in tried[: tried.index(top)]:
        loss = _score(departures, top, criterion) - _score(departures, one, criterion)
        if loss <= error_of_gain(departures.judge(top), departures.judge(one), departures.part_i, criterion):
            return one
    return top
