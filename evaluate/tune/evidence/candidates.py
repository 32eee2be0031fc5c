"""The mixtures that tuning compares, fitted on all images, and their scores on groups that were left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import Criterion, error_of_gain, score, worst_group
from seg.evaluate.tune.fits.departures import Departure, Departures, Fitted
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.fits.weights import equal_weights
from seg.evaluate.tune.scorer import CountsICC, Scorer

SINGLE: Final = "best member"
EQUAL: Final = "equal weights"
DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class LeftOutScores:
    """Scores on groups that a fit has not seen.

    Attributes:
        score: what was tuned for: mIoU, or the worst group's.
        gain: over equal weights.
        error: the standard error of the gain across groups.
        worst: the mIoU of the group with the lowest.
    """

    score: float
    gain: float
    error: float
    worst: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mixture by its name; `left_out` is None if there is one group, of which nothing can be left out."""

    name: str
    mixture: Mixture
    left_out: LeftOutScores | None

    @property
    def is_better_than_equal(self) -> bool:
        return self.left_out is not None and self.left_out.gain > self.left_out.error


def list_candidates(
    scorer: Scorer,
    views: Sequence[Views],
    departures: Departures,
    chosen: Departure,
    group_i: GroupI,
    criterion: Criterion,
) -> list[Candidate]:
    """Best member, equal weights in all views, and the steps to the chosen departure, which is the last.

    Args:
        views: the useful ones of each member, in which `departures` are fitted.
    """
    in_all_views = MemberPixels.of(scorer, scorer.views)
    equal_icc = in_all_views.counts(equal_weights(in_all_views.members))
    several = int(group_i.max()) > 0

    def left_out(judge: Callable[[], CountsICC]) -> LeftOutScores | None:
        if not several:
            return None
        counts_icc = judge()
        reached = score(counts_icc, group_i, criterion)
        return LeftOutScores(
            score=reached,
            gain=reached - score(equal_icc, group_i, criterion),
            error=error_of_gain(counts_icc, equal_icc, group_i, criterion),
            worst=worst_group(counts_icc, group_i),
        )

    # A step that changes nothing has the name of the one before.
    steps = {
        chosen: f"class factors at {chosen.factors:g}",
        replace(chosen, factors=0.0): f"prior to the power of {-chosen.exponent:g}",
        replace(chosen, exponent=0.0, factors=0.0): "weights by score",
        Departure(): f"{EQUAL}, useful views",
    }
    if tuple(views) == scorer.views:
        steps.pop(Departure())
    best_member = Departure(weights="best member")
    equal = Mixture.of([1.0] * len(views), scorer.views)
    return [
        Candidate(
            SINGLE,
            _mixture(departures.fit(best_member), views),
            left_out(partial(departures.judge, best_member)),
        ),
        Candidate(EQUAL, equal, left_out(lambda: equal_icc)),
        *(
            Candidate(name, _mixture(departures.fit(step), views), left_out(partial(departures.judge, step)))
            for step, name in reversed(steps.items())
        ),
    ]


def _mixture(fitted: Fitted, views: Sequence[Views]) -> Mixture:
    weights = np.maximum(fitted.weights_m.round(DIGITS), 0)
    factors = fitted.factors_c.round(DIGITS)
    mixture = Mixture.of(weights.tolist(), views)
    return mixture if (factors == 1).all() else replace(mixture, factors=tuple(factors.tolist()))
