"""Weights of members for classes that overlap: searched together with thresholds, and half trusted."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.tune.overlapping.sampled_members import SampledMembers
from seg.metrics.from_counts import Tallies

STEPS: Final = (0.2, 0.1)
TRUST: Final = 0.5
"""How far weights go from equal ones to those that are best on the images that they are fitted on."""


def fit_weights(members: SampledMembers, tallies: Tallies) -> NDArray[np.float64]:
    """Move weight between two members while the metric at the best thresholds grows; then go half way."""
    equal_m = np.full(members.members, 1 / members.members)
    best_m, reached = equal_m, members.score(equal_m, tallies)
    for step in STEPS:
        while True:
            moves = _moves(best_m, step)
            scores = [members.score(moved_m, tallies) for moved_m in moves]
            if not scores or max(scores) <= reached:
                break
            best_m, reached = moves[int(np.argmax(scores))], max(scores)
    return np.asarray(TRUST * best_m + (1 - TRUST) * equal_m)


def _moves(weights_m: NDArray[np.float64], step: float) -> list[NDArray[np.float64]]:
    """The weights with so much of one member's moved to another, for all pairs."""
    one_mm = np.eye(len(weights_m))
    return [
        weights_m + min(step, weights_m[giver]) * (one_mm[taker] - one_mm[giver])
        for giver in np.flatnonzero(weights_m > 0)
        for taker in range(len(weights_m))
        if taker != giver
    ]
