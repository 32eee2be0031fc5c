"""The choice of a departure from equal weights: how much may be fitted depends on the number of groups.

Members have weights by their scores. The exponent goes half way to the best one. With enough groups, factors
of classes have the smallest strength that is about as good as the best, and a stacking the one whose gain is
surest. All are judged on groups that were left out; with one group, on images that resemble the others.
`docs/design/tuning.md` has the simulation behind these rules.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import gain_error_across_groups, score_by_criterion
from seg.evaluate.tune.fits.departures import Departure, Departures

EXPONENTS: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
FACTORS: Final = (0.0, 0.25, 0.5)
"""At most half: farther, some draws of 8 places lost two points."""

STACKING: Final = (0.0, 0.125, 0.25, 0.5)
"""For the same reason: at full strength, a stacking gains less on other places than at a quarter."""

ENOUGH_GROUPS: Final = 5
"""From so many groups on, class factors and a stacking are fitted."""

EXPONENTS_OF_FEW: Final = (0.0, 0.05, 0.1, 0.15, 0.2)
"""With fewer groups."""

KEPT: Final = 0.5
"""The share of the best exponent that is kept: it was chosen on few groups."""

ERRORS: Final = 2.0
"""Standard errors within which two strengths of factors are as good, and that a stacking or temperatures
must gain.
"""


def choose_departure(departures: Departures, group_i: GroupI) -> Departure:
    """The departure without a stacking that is expected to be best on other groups."""
    enough = int(group_i.max()) + 1 >= ENOUGH_GROUPS
    tried = [Departure("by score", one) for one in (EXPONENTS if enough else EXPONENTS_OF_FEW)]
    departures.judge_all(tried)
    best = max(tried, key=lambda one: _score_departure(departures, one))
    chosen = replace(best, exponent=KEPT * best.exponent)
    return (
        _smallest_good_departure(departures, [replace(chosen, factors=one) for one in FACTORS])
        if enough
        else chosen
    )


def choose_stacking(departures: Departures, chosen: Departure) -> Departure:
    """The same with the stacking that gains most, less `ERRORS` standard errors; without one if none does."""
    stacked = [replace(chosen, stacking=one) for one in STACKING]
    departures.judge_all(stacked)

    def sure_gain(one: Departure) -> float:
        gain, error = gain_over_departure(departures, one, chosen)
        return gain - ERRORS * error

    return max(stacked, key=sure_gain)


def gain_over_departure(departures: Departures, one: Departure, other: Departure) -> tuple[float, float]:
    """The gain of one departure over another on groups that were left out, and its standard error."""
    both = departures.judge(one), departures.judge(other)
    gain = _score_departure(departures, one) - _score_departure(departures, other)
    return gain, gain_error_across_groups(*both, departures.part_i, departures.criterion)


def _smallest_good_departure(departures: Departures, tried: Sequence[Departure]) -> Departure:
    """The first departure that is at most so many standard errors below the best."""
    departures.judge_all(tried)
    best = max(tried, key=lambda one: _score_departure(departures, one))
    for one in tried[: tried.index(best)]:
        loss, error = gain_over_departure(departures, best, one)
        if loss <= ERRORS * error:
            return one
    return best


def _score_departure(departures: Departures, departure: Departure) -> float:
    return score_by_criterion(departures.judge(departure), departures.part_i, departures.criterion)
