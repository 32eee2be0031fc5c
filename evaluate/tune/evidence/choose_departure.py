"""The choice of a departure from equal weights: how much may be fitted depends on the number of groups.

Members have weights by their scores. The exponent goes half way to the best one. With enough groups, factors
of classes, and then a stacking, have the smallest strength that is about as good as the best. All are judged
on groups that were left out; with one group, on images that resemble the others. `docs/design/tuning.md` has
the simulation behind these rules.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import error_of_gain, score
from seg.evaluate.tune.fits.departures import Departure, Departures

EXPONENTS: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
FACTORS: Final = (0.0, 0.25, 0.5)
"""At most half: farther, some draws of 8 places lost two points."""

STACKING: Final = (0.0, 0.25, 0.5)
"""For the same reason. At full strength, a stacking gains less on other places than at a quarter."""

ENOUGH_GROUPS: Final = 5
"""From so many groups on, class factors and a stacking are fitted."""

EXPONENTS_OF_FEW: Final = (0.0, 0.05, 0.1, 0.15, 0.2)
"""With fewer groups."""

KEPT: Final = 0.5
"""The share of the best exponent that is kept: it was chosen on few groups."""

ERRORS: Final = 2.0
"""Standard errors within which two strengths of factors, or of a stacking, are as good."""


def choose_departure(departures: Departures, group_i: GroupI) -> Departure:
    """The departure without a stacking that is expected to be best on other groups."""
    enough = int(group_i.max()) + 1 >= ENOUGH_GROUPS
    tried = [Departure("by score", one) for one in (EXPONENTS if enough else EXPONENTS_OF_FEW)]
    departures.judge_all(tried)
    best = max(tried, key=lambda one: _score(departures, one))
    chosen = replace(best, exponent=KEPT * best.exponent)
    return _smallest(departures, [replace(chosen, factors=one) for one in FACTORS]) if enough else chosen


def choose_stacking(departures: Departures, chosen: Departure) -> Departure:
    """The same with the stacking that is expected to be best on other groups, if one gains there."""
    return _smallest(departures, [replace(chosen, stacking=one) for one in STACKING])


def _smallest(departures: Departures, tried: Sequence[Departure]) -> Departure:
    """The first departure that is at most so many standard errors below the best."""
    departures.judge_all(tried)
    best = max(tried, key=lambda one: _score(departures, one))
    for one in tried[: tried.index(best)]:
        loss = _score(departures, best) - _score(departures, one)
        both = departures.judge(best), departures.judge(one)
        if loss <= ERRORS * error_of_gain(*both, departures.part_i, departures.criterion):
            return one
    return best


def _score(departures: Departures, departure: Departure) -> float:
    return score(departures.judge(departure), departures.part_i, departures.criterion)
