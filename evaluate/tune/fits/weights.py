"""Weights of members: equal, the best member alone, or by score.

By score, a member has half the weight for every two points that it is behind the best. So members
that are alike have nearly equal weights, a bad one has almost none, and no search fits the images at hand.
Source: the exponentially weighted average forecaster of Cesa-Bianchi and Lugosi, "Prediction, Learning, and
Games", 2006, with a fixed rate. `docs/design/tuning.md` compares it with fitted weights.
"""

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import Criterion, score_by_criterion
from seg.metrics.image_tallies import ImageTallies

HALVED_BY: Final = 0.02
"""The difference in score that halves a weight. Gains are nearly the same from 0.014 to 0.028."""

MIN_SHARE: Final = 0.01
"""Of the best member's weight. A member with less is not worth its passes."""

WeightsM = NDArray[np.float64]
"""Weights of M members, which sum to 1."""


class WeighableMembers(Protocol):
    """Probabilities of M members at some pixels, whose weighted means can be judged.

    `known_mc` has 1 for the classes that a member knows, 0 for others, float32 `[M, C]`.
    """

    @property
    def known_mc(self) -> NDArray[np.float32]: ...

    def judge(self, weights_m: WeightsM, /) -> ImageTallies:
        """The metric's tallies of each image."""
        ...


def equal_weights(members: int) -> WeightsM:
    return np.full(members, 1 / members)


def weight_on_best_member(members: WeighableMembers) -> WeightsM:
    """All weight on the member with the highest score, of those that know all classes."""
    alone_mm = np.eye(len(members.known_mc))
    whole = np.flatnonzero(members.known_mc.all(1))
    best = int(np.argmax([members.judge(alone_mm[member]).score for member in whole]))
    return np.asarray(alone_mm[whole[best]])


def weights_by_score(members: WeighableMembers, group_i: GroupI, criterion: Criterion = "mean") -> WeightsM:
    """Half the weight for every `HALVED_BY` that a member's score is behind the best."""
    scores_m = _scores_of_members(
        members.known_mc, lambda weights_m: score_by_criterion(members.judge(weights_m), group_i, criterion)
    )
    weights_m = 2.0 ** ((scores_m - scores_m.max()) / HALVED_BY)
    weights_m[weights_m < MIN_SHARE] = 0
    return np.asarray(weights_m / weights_m.sum())


def _scores_of_members(
    known_mc: NDArray[np.float32], score_of: Callable[[WeightsM], float]
) -> NDArray[np.float64]:
    """The score of each member; of a specialist, the best one's less what is lost with it."""
    members, equal_m = len(known_mc), equal_weights(len(known_mc))
    knows_all_m = known_mc.all(1)
    scores_m = np.zeros(members)
    for member in np.flatnonzero(knows_all_m):
        scores_m[member] = score_of(np.eye(members)[member])
    for member in np.flatnonzero(~knows_all_m):
        others_m = np.where(np.arange(members) == member, 0, equal_m)
        lost = max(score_of(others_m / others_m.sum()) - score_of(equal_m), 0)
        scores_m[member] = scores_m[knows_all_m].max() - lost
    return scores_m
