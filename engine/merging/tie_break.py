"""Constants and the tie-break rule of all merges, both of arrays and in fused graphs."""

from collections.abc import Sequence
from typing import Final

MIN_PROBABILITY: Final = 1e-7
"""The lower bound of a probability before its logarithm is taken."""

TIE: Final = 1e-4
"""Shares of votes that differ by less are a tie."""

HIGHEST_RANK: Final = 255


def tie_break_ranks(passes: Sequence[tuple[int, float]]) -> list[int]:
    """The rank of each pass where votes tie, 1 to 255. A pass is a member's number and a share.

    The passes of the member with the most weight have the highest rank; among equals, those that come first.
    """
    weight: dict[int, float] = {}
    for member, share in passes:
        weight[member] = weight.get(member, 0.0) + share
    best_first = sorted(range(len(passes)), key=lambda position: -round(weight[passes[position][0]], 9))
    rank = {position: rank for rank, position in enumerate(best_first)}
    return [max(HIGHEST_RANK - rank[position], 1) for position in range(len(passes))]
