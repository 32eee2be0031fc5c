"""Weights of members: equal, the best member alone, or by score.

By score, a member has half the weight for every two points of mIoU that it is behind the best. So members
that are alike have nearly equal weights, a bad one has almost none, and no search fits the images at hand.
Source: the exponentially weighted average forecaster of Cesa-Bianchi and Lugosi, "Prediction, Learning, and
Games", 2006, with a fixed rate. `docs/design/tuning.md` compares it with fitted weights.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import Criterion, score
from seg.evaluate.tune.fits.member_pixels import MemberPixels

HALVED_BY: Final = 0.02
"""The difference in mIoU that halves a weight. Gains are nearly the same from 0.014 to 0.028."""

MIN_SHARE: Final = 0.01
"""Of the best member's weight. A member with less is not worth its passes."""

WeightsM = NDArray[np.float64]
"""Weights of M members, which sum to 1."""


def equal_weights(members: int) -> WeightsM:
    return np.full(members, 1 / members)


def best_member(pixels: MemberPixels) -> WeightsM:
    """All weight on the member with the highest score, of those that know all classes."""
    alone_mm = np.eye(pixels.members)
    best = int(np.argmax([_score(pixels, alone_m) for alone_m in alone_mm]))
    return np.asarray(alone_mm[best])


def weights_by_score(pixels: MemberPixels, group_i: GroupI, criterion: Criterion = "mean") -> WeightsM:
    """Half the weight for every `HALVED_BY` that a member's score is behind the best."""
    scores_m = _scores(pixels, lambda weights_m: score(pixels.judge(weights_m), group_i, criterion))
    weights_m = 2.0 ** ((scores_m - scores_m.max()) / HALVED_BY)
    weights_m[weights_m < MIN_SHARE] = 0
    return np.asarray(weights_m / weights_m.sum())


def _scores(pixels: MemberPixels, score_of: Callable[[WeightsM], float]) -> NDArray[np.float64]:
    """The score of each member; of a specialist, the best one's less what is lost with it."""
    members, equal_m = pixels.members, equal_weights(pixels.members)
    knows_all_m = pixels.known_mc.all(1)
    scores_m = np.zeros(members)
    for member in np.flatnonzero(knows_all_m):
        scores_m[member] = score_of(np.eye(members)[member])
    for member in np.flatnonzero(~knows_all_m):
        others_m = np.where(np.arange(members) == member, 0, equal_m)
        lost = max(score_of(others_m / others_m.sum()) - score_of(equal_m), 0)
        scores_m[member] = scores_m[knows_all_m].max() - lost
    return scores_m


def _score(pixels: MemberPixels, weights_m: WeightsM) -> float:
    return pixels.judge(weights_m).score if pixels.knows_all_classes(weights_m) else -1.0
