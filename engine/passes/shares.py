"""What merges agree on wherever they are written: with arrays in the engine, as nodes in a graph."""

from collections.abc import Sequence
from typing import Final

LEAST_PROBABILITY: Final = 1e-7
"""What a probability counts as, at least, before its logarithm is taken."""

TIE: Final = 1e-4
"""Shares of votes that differ by less are a tie."""

HIGHEST_RANK: Final = 255


def class_shares(
    weights: Sequence[float], class_weights: Sequence[Sequence[float]]
) -> list[tuple[float, ...]]:
    """Each member's share of the mean for each class; over members they sum to 1 in every class.

    Args:
        weights: of the members.
        class_weights: what a member's weight is multiplied with for each class, or nothing.

    Returns:
        A share for each class, or nothing for all members where none has class weights.
    """
    classes = max(map(len, class_weights), default=0)
    if not classes:
        return [()] * len(weights)
    scaled = [
        [weight * one for one in own or [1.0] * classes]
        for weight, own in zip(weights, class_weights, strict=True)
    ]
    totals = [sum(by_class) for by_class in zip(*scaled, strict=True)]
    return [tuple(one / total for one, total in zip(own, totals, strict=True)) for own in scaled]


def standings(passes: Sequence[tuple[int, float]]) -> list[int]:
    """For each pass, which is a member's number and a share, how well it stands where votes tie, 1 to 255.

    The passes of the member with the most weight stand highest, and of equals those that come first.
    """
    weight: dict[int, float] = {}
    for member, share in passes:
        weight[member] = weight.get(member, 0.0) + share
    best_first = sorted(range(len(passes)), key=lambda position: -round(weight[passes[position][0]], 9))
    rank = {position: rank for rank, position in enumerate(best_first)}
    return [max(HIGHEST_RANK - rank[position], 1) for position in range(len(passes))]
