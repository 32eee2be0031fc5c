"""Fitting of the members' weights for the highest score."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.tune.fits.member_pixels import MemberPixels

ROUNDS: Final = 25
PATIENCE: Final = 6
STEPS: Final = (0.2, 0.1, 0.05)

WeightsM = NDArray[np.float64]
"""Weights of M members, which sum to 1."""


def equal_weights(members: int) -> WeightsM:
    return np.full(members, 1 / members)


def best_member(pixels: MemberPixels) -> WeightsM:
    """All weight on the member with the highest score."""
    alone_mm = np.eye(pixels.members)
    best = int(np.argmax([_score(pixels, alone_m) for alone_m in alone_mm]))
    return np.asarray(alone_mm[best])


def fit_weights(pixels: MemberPixels) -> WeightsM:
    """Local search from the greedy weights: move weight between two members while the score grows."""
    best_m = greedy_weights(pixels)
    reached = _score(pixels, best_m)
    for step in STEPS:
        while moves := _moves(best_m, step):
            scores = [_score(pixels, moved_m) for moved_m in moves]
            if not max(scores) > reached:
                break
            best_m, reached = moves[int(np.argmax(scores))], max(scores)
    return best_m


def greedy_weights(pixels: MemberPixels) -> WeightsM:
    """Greedy ensemble selection with replacement: add the member that helps most; the counts are the weights.

    Source: Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from Libraries of Models", 2004.
    """
    counts_m = np.zeros(pixels.members)
    best_m, reached, best_round = counts_m, -1.0, 0
    for round_ in range(ROUNDS):
        grown = [(counts_m + one_m) / (round_ + 1) for one_m in np.eye(pixels.members)]
        scores = [_score(pixels, weights_m) for weights_m in grown]
        chosen = int(np.argmax(scores))
        counts_m[chosen] += 1
        if scores[chosen] > reached:
            best_m, reached, best_round = grown[chosen], scores[chosen], round_
        if round_ - best_round >= PATIENCE:
            break
    return best_m


def _score(pixels: MemberPixels, weights_m: WeightsM) -> float:
    return pixels.judge(weights_m).score if pixels.knows_all_classes(weights_m) else -1.0


def _moves(weights_m: WeightsM, step: float) -> list[WeightsM]:
    """The weights with so much of one member's moved to another, for all pairs."""
    moves = []
    for giver in np.flatnonzero(weights_m):
        moved = min(step, weights_m[giver])
        for taker in range(len(weights_m)):
            if taker != giver:
                change_m = np.zeros(len(weights_m))
                change_m[giver], change_m[taker] = -moved, moved
                moves.append(weights_m + change_m)
    return moves
