"""The choice of a departure from a simple mixture: how much may be fitted depends on the number of groups.

The start is equal weights, or the best member if that is clearly better. Weights go half way from there to
fitted ones, or farther if that is clearly better. Then come the exponent and, with enough groups, the factors
of classes: the smallest strength that is about as good as the best. All is judged on groups that were left
out. With one group, only images that resemble the others can be left out: the start is equal weights, and
weights go half way. `docs/design/tuning.md` has the simulation behind these rules.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import Criterion, error_of_gain, score
from seg.evaluate.tune.fits.departures import Departure, Departures

WEIGHTS: Final = (0.5, 0.75, 1.0)
EXPONENTS: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
FACTORS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)

ENOUGH_GROUPS: Final = 5
"""From so many groups on, class factors are fitted."""

EXPONENTS_OF_FEW: Final = (0.0, 0.05, 0.1)
"""With fewer groups."""

ERRORS_OF_ONE: Final = 1.0
"""Standard errors within which two exponents are as good: each is one number."""

ERRORS_OF_MANY: Final = 2.0
"""The same of weights and factors, which fit the groups at hand better than others."""


def choose_departure(departures: Departures, group_i: GroupI, criterion: Criterion = "mean") -> Departure:
    """The departure that is expected to be best on other groups."""
    groups = int(group_i.max()) + 1

    def smallest(tried: Sequence[Departure], errors: float) -> Departure:
        return _smallest(departures, tried, errors, criterion)

    if groups == 1:
        chosen = Departure(weights=WEIGHTS[0])
    else:
        start = smallest([Departure(), Departure(from_best=True)], ERRORS_OF_MANY)
        chosen = smallest([replace(start, weights=one) for one in WEIGHTS], ERRORS_OF_MANY)
    exponents = EXPONENTS if groups >= ENOUGH_GROUPS else EXPONENTS_OF_FEW
    chosen = smallest([replace(chosen, exponent=one) for one in exponents], ERRORS_OF_ONE)
    if groups < ENOUGH_GROUPS:
        return chosen
    return smallest([replace(chosen, factors=one) for one in FACTORS], ERRORS_OF_MANY)


def _smallest(
    departures: Departures, tried: Sequence[Departure], errors: float, criterion: Criterion
) -> Departure:
    """The first departure that is at most so many standard errors below the best."""
    departures.judge_all(tried)
    best = max(tried, key=lambda one: _score(departures, one, criterion))
    for one in tried[: tried.index(best)]:
        loss = _score(departures, best, criterion) - _score(departures, one, criterion)
        both = departures.judge(best), departures.judge(one)
        if loss <= errors * error_of_gain(*both, departures.part_i, criterion):
            return one
    return best


def _score(departures: Departures, departure: Departure, criterion: Criterion) -> float:
    return score(departures.judge(departure), departures.part_i, criterion)
