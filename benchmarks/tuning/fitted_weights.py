"""Weights that are searched for the highest mIoU: what weights by score are compared with."""

from typing import Final

import numpy as np

from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.fits.weights import WeightsM

ROUNDS: Final = 25
PATIENCE: Final = 6
STEPS: Final = (0.2, 0.1, 0.05)


def fit_weights(pixels: MemberPixels) -> WeightsM:
    """Local search from the greedy weights: move weight between two members while mIoU grows."""
    best_m = greedy_weights(pixels)
    reached = pixels.judge(best_m).score
    for step in STEPS:
        while moves := _moves_of_weight(best_m, step):
            scores = [pixels.judge(moved_m).score for moved_m in moves]
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
        scores = [pixels.judge(weights_m).score for weights_m in grown]
        chosen = int(np.argmax(scores))
        counts_m[chosen] += 1
        if scores[chosen] > reached:
            best_m, reached, best_round = grown[chosen], scores[chosen], round_
        if round_ - best_round >= PATIENCE:
            break
    return best_m


def _moves_of_weight(weights_m: WeightsM, step: float) -> list[WeightsM]:
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
