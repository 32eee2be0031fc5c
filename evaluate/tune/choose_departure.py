"""The choice of a departure from a simple mixture: how much may be fitted depends on the number of groups.

The start is equal weights, unless the best member is better by more than one standard error on groups that
were left out. Weights go half way from there to fitted ones, or farther. With one group, only images that
resemble the others can be left out, and weights go a quarter of the way. How much farther, and how far the
exponent and the factors of classes go, is the smallest strength within two standard errors of the best: with
few groups the error itself is uncertain, and the best of several strengths looks better than it is.
`docs/design/tuning.md` has the simulation behind these rules.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from seg.evaluate.tune.by_group import Criterion, GroupI, error_of_gain, score
from seg.evaluate.tune.departures import Departure, Departures

WEIGHTS: Final = (0.5, 0.75, 1.0)
EXPONENTS: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
FACTORS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)

ERRORS: Final = 2.0
"""Standard errors within which a smaller strength is as good."""

WEIGHTS_OF_ONE: Final = (0.25, 0.5)
"""With one group."""

ENOUGH_GROUPS: Final = 5
"""From so many groups on, class factors are fitted."""

EXPONENTS_OF_FEW: Final = (0.0, 0.05, 0.1)
"""With fewer groups."""


def choose_departure(departures: Departures, group_i: GroupI, criterion: Criterion = "mean") -> Departure:
    """The departure that is expected to be best on other groups."""
    groups = int(group_i.max()) + 1
    start = Departure(from_best=_best_member_is_better(departures, criterion))
    weights = WEIGHTS_OF_ONE if groups == 1 else WEIGHTS
    chosen = _smallest(departures, [replace(start, weights=one) for one in weights], criterion)
    exponents = EXPONENTS if groups >= ENOUGH_GROUPS else EXPONENTS_OF_FEW
    chosen = _smallest(departures, [replace(chosen, exponent=one) for one in exponents], criterion)
    if groups < ENOUGH_GROUPS:
        return chosen
    return _smallest(departures, [replace(chosen, factors=one) for one in FACTORS], criterion)


def _best_member_is_better(departures: Departures, criterion: Criterion) -> bool:
    """Whether it beats equal weights by more than one standard error."""
    best, equal = Departure(from_best=True), Departure()
    return _gain(departures, best, equal, criterion) > _error(departures, best, equal, criterion)


def _smallest(departures: Departures, tried: Sequence[Departure], criterion: Criterion) -> Departure:
    """The first departure that is at most two standard errors below the best."""
    best = max(tried, key=lambda one: _score(departures, one, criterion))
    return next(
        one
        for one in tried
        if one == best
        or _gain(departures, best, one, criterion) <= ERRORS * _error(departures, best, one, criterion)
    )


def _score(departures: Departures, departure: Departure, criterion: Criterion) -> float:
    return score(departures.judge(departure), departures.part_i, criterion)


def _gain(departures: Departures, first: Departure, second: Departure, criterion: Criterion) -> float:
    return _score(departures, first, criterion) - _score(departures, second, criterion)


def _error(departures: Departures, first: Departure, second: Departure, criterion: Criterion) -> float:
    return error_of_gain(departures.judge(first), departures.judge(second), departures.part_i, criterion)
