"""Fits: methods to find a mixture on labelled images. Each takes a scorer and returns its best mixture."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.tune.class_weights import with_class_factors, with_class_weights
from seg.evaluate.tune.scorer import Scorer
from seg.evaluate.tune.temperature import fit_temperatures
from seg.views import VIEW_SETS

Fit = Callable[[Scorer], Mixture]

UPRIGHT: Final = VIEW_SETS["none"]
HAND_GAIN: Final = 0.1
HAND_STEP: Final = 0.05
GREEDY_ROUNDS: Final = 25
GREEDY_PATIENCE: Final = 6
SIMPLEX_STEPS: Final = (0.2, 0.1, 0.05, 0.025)


def best_single(scorer: Scorer) -> Mixture:
    """The member with the highest mIoU, without or with its views."""
    members = range(len(scorer.names))
    choices = [
        Mixture.single(member, views)
        for views in ([UPRIGHT] * len(scorer.names), scorer.views)
        for member in members
    ]
    return max(filter(scorer.knows_all_classes, choices), key=scorer.miou)


def equal_weights(scorer: Scorer) -> Mixture:
    """All members with equal weights, in their views."""
    return Mixture.of([1.0] * len(scorer.names), scorer.views)


def hand_weights(scorer: Scorer) -> Mixture:
    """Weights as competition teams set them by hand: linearly decreasing by rank."""
    alone = [scorer.miou(Mixture.single(m, scorer.views)) for m in range(len(scorer.names))]
    best_first = sorted(range(len(alone)), key=lambda member: -alone[member])
    weights = [0.0] * len(alone)
    for rank, member in enumerate(best_first):
        weights[member] = max(1 / len(alone) + HAND_GAIN - HAND_STEP * rank, 0.0)
    return Mixture.of(weights, scorer.views)


def greedy(
    scorer: Scorer, views: Sequence[Views] | None = None, temperatures: tuple[float, ...] = ()
) -> Mixture:
    """Greedy ensemble selection with replacement: add the member that helps most; the counts are the weights.

    Source: Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from Libraries of Models", 2004.
    """
    views = views or scorer.views
    counts = np.zeros(len(views))
    best, best_miou, best_round = Mixture.single(0, views), -1.0, 0
    for round_ in range(GREEDY_ROUNDS):
        grown = [
            replace(Mixture.of((counts + one).tolist(), views), temperatures=temperatures)
            for one in np.eye(len(views))
        ]
        scores = [scorer.miou(one) if scorer.knows_all_classes(one) else -1.0 for one in grown]
        chosen = int(np.argmax(scores))
        counts[chosen] += 1
        if scores[chosen] > best_miou:
            best, best_miou, best_round = grown[chosen], scores[chosen], round_
        if round_ - best_round >= GREEDY_PATIENCE:
            break
    return best


def simplex(scorer: Scorer, temperatures: tuple[float, ...] = ()) -> Mixture:
    """Local search from the greedy weights: move weight between two members while mIoU grows."""
    best = greedy(scorer, temperatures=temperatures)
    best_miou = scorer.miou(best)
    for step in SIMPLEX_STEPS:
        while True:
            moves = filter(scorer.knows_all_classes, _moves(best, step))
            moved = {mixture: scorer.miou(mixture) for mixture in moves}
            winner = max(moved, key=lambda mixture: moved[mixture], default=best)
            if winner is best or moved[winner] <= best_miou:
                break
            best, best_miou = winner, moved[winner]
    return best


def useful_views(scorer: Scorer) -> tuple[Views, ...]:
    """Each member's views without those that lower its mIoU; one view always stays."""
    return tuple(_useful_views_of(scorer, member) for member in range(len(scorer.names)))


def greedy_with_views(scorer: Scorer) -> Mixture:
    """Greedy weights over the views that help."""
    return greedy(scorer, useful_views(scorer))


def equal_with_views(scorer: Scorer) -> Mixture:
    """All members with equal weights, in the views that help."""
    return equal_weights(scorer).with_views(useful_views(scorer))


def simplex_with_temperatures(scorer: Scorer) -> Mixture:
    """The simplex search over members with calibrated temperatures."""
    return simplex(scorer, fit_temperatures(scorer))


def best_single_with_factors(scorer: Scorer) -> Mixture:
    """The best member, with class factors."""
    return with_class_factors(scorer, best_single(scorer))


def simplex_with_factors(scorer: Scorer) -> Mixture:
    """The simplex search, then class factors."""
    return with_class_factors(scorer, simplex(scorer))


def simplex_with_class_weights(scorer: Scorer) -> Mixture:
    """The simplex search, then class factors, then weights for each class."""
    return with_class_weights(scorer, simplex(scorer))


def vote(scorer: Scorer) -> Mixture:
    """Equal weights, each pass voting for one class; ties go to the first member."""
    return replace(equal_weights(scorer), merge="vote")


def geometric(scorer: Scorer) -> Mixture:
    """Equal weights, merged by the geometric mean."""
    return replace(equal_weights(scorer), merge="geometric")


FITS: Final[Mapping[str, Fit]] = {
    "best member": best_single,
    "equal weights": equal_weights,
    "hand weights": hand_weights,
    "vote": vote,
    "geometric mean": geometric,
    "greedy": greedy,
    "simplex": simplex,
    "equal, useful views": equal_with_views,
    "greedy, useful views": greedy_with_views,
    "simplex, temperatures": simplex_with_temperatures,
    "best member, class factors": best_single_with_factors,
    "simplex, class factors": simplex_with_factors,
    "simplex, class weights": simplex_with_class_weights,
}
"""All fits by name; the first two are the baselines."""

OTHER_MERGES: Final = frozenset({"vote", "geometric mean"})
"""Fits that do not merge by the mean."""

BY_CLASS: Final = frozenset({"simplex, class weights"})
"""Fits that weigh classes apart, as members do that know some classes only."""


def _moves(mixture: Mixture, step: float) -> list[Mixture]:
    weights = mixture.weights
    moves = []
    for giver, taker in ((g, t) for g in mixture.members for t in range(len(weights)) if g != t):
        moved = list(weights)
        moved[giver], moved[taker] = (
            max(0.0, weights[giver] - step),
            weights[taker] + min(step, weights[giver]),
        )
        moves.append(replace(mixture, weights=tuple(moved)))
    return moves


def _useful_views_of(scorer: Scorer, member: int) -> Views:
    def score(views: Views) -> float:
        of_members = [views if position == member else UPRIGHT for position in range(len(scorer.names))]
        return scorer.miou(Mixture.single(member, of_members))

    views = scorer.views[member]
    best = score(views)
    while len(views) > 1:
        shorter = {tuple(v for v in views if v != dropped): dropped for dropped in views}
        scores = {fewer: score(fewer) for fewer in shorter}
        winner = max(scores, key=lambda fewer: scores[fewer])
        if scores[winner] < best:
            break
        views, best = winner, scores[winner]
    return views
