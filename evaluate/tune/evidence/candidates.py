"""The mixtures that tuning compares, fitted on all images, and their scores on groups that were left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import (
    Criterion,
    gain_error_across_groups,
    score_by_criterion,
    score_of_worst_group,
)
from seg.evaluate.tune.fits.departures import Departure, Departures
from seg.metrics.image_tallies import ImageTallies

SINGLE: Final = "best member"
EQUAL: Final = "equal weights"


@dataclass(frozen=True, slots=True)
class LeftOutScores:
    """Scores on groups that a fit has not seen.

    Attributes:
        score: what was tuned for: the metric, or the worst group's.
        gain: over equal weights.
        error: the standard error of the gain across groups.
        worst: the score of the group with the lowest.
    """

    score: float
    gain: float
    error: float
    worst: float


@dataclass(frozen=True, slots=True)
class MixtureCandidate:
    """A mixture by its name; `left_out` is None if there is one group, of which nothing can be left out."""

    name: str
    mixture: Mixture
    left_out: LeftOutScores | None

    @property
    def is_better_than_equal(self) -> bool:
        return self.left_out is not None and self.left_out.gain > self.left_out.error


def list_mixture_candidates(
    all_views: Sequence[Views],
    views: Sequence[Views],
    departures: Departures,
    chosen: Departure,
    equal: ImageTallies,
    group_i: GroupI,
    criterion: Criterion,
) -> list[MixtureCandidate]:
    """Best member, equal weights in all views, and the steps to the chosen departure, which is the last.

    Args:
        views: the useful ones of each member, in which `departures` are fitted.
        equal: how equal weights in all views are judged.
    """
    several = int(group_i.max()) > 0

    def left_out(judge: Callable[[], ImageTallies]) -> LeftOutScores | None:
        return left_out_scores(judge(), equal, group_i, criterion) if several else None

    # A step that changes nothing has the name of the one before.
    steps = {
        chosen: f"stacking at {chosen.stacking:g}",
        replace(chosen, stacking=0.0): f"class factors at {chosen.factors:g}",
        replace(chosen, factors=0.0, stacking=0.0): f"prior to the power of {-chosen.exponent:g}",
        Departure(weights=chosen.weights): "weights by score",
        Departure(): f"{EQUAL}, useful views",
    }
    if tuple(views) == tuple(all_views):
        steps.pop(Departure())
    best_member = Departure(weights="best member")
    return [
        MixtureCandidate(
            SINGLE,
            departures.fit(best_member).mixture(views),
            left_out(partial(departures.judge, best_member)),
        ),
        MixtureCandidate(EQUAL, Mixture.of([1.0] * len(views), all_views), left_out(lambda: equal)),
        *(
            MixtureCandidate(
                name, departures.fit(step).mixture(views), left_out(partial(departures.judge, step))
            )
            for step, name in reversed(steps.items())
        ),
    ]


def left_out_scores(
    judged: ImageTallies, equal: ImageTallies, group_i: GroupI, criterion: Criterion
) -> LeftOutScores:
    """The scores of what was judged on groups left out, over equal weights."""
    reached = score_by_criterion(judged, group_i, criterion)
    return LeftOutScores(
        score=reached,
        gain=reached - score_by_criterion(equal, group_i, criterion),
        error=gain_error_across_groups(judged, equal, group_i, criterion),
        worst=score_of_worst_group(judged, group_i),
    )
