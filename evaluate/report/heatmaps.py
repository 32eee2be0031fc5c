"""Matrices as tables whose cells are coloured by their share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

WORST: Final = 5
LEAST: Final = 0.01
"""A smaller share of a class's pixels is no mistake worth naming."""


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Percentages, how strong a colour each cell gets (0..1), and what it says; row by row.

    Small shares of a confusion get more colour than their due, so that they can be seen.

    `worst` names the largest cells off the diagonal.
    """

    percents: list[list[float]]
    shares: list[list[float]]
    tips: list[list[str]]
    worst: tuple[str, ...] = ()


def confusion_heat(names: Sequence[str], counts_cc: NDArray[np.int64]) -> Heatmap:
    """Rows are the truth; each is shared out over the answers."""
    shares = counts_cc / np.maximum(1, counts_cc.sum(1, keepdims=True))
    tips = [
        [_mistake(true, said, share) for said, share in zip(names, row, strict=True)]
        for true, row in zip(names, shares, strict=True)
    ]
    off_diagonal = shares * (1 - np.eye(len(names)))
    largest = np.argsort(-off_diagonal, axis=None)[:WORST].tolist()
    places = [divmod(place, len(names)) for place in largest]
    worst = tuple(tips[row][column] for row, column in places if off_diagonal[row, column] > LEAST)
    return Heatmap((100 * shares).tolist(), np.sqrt(shares).tolist(), tips, worst)


def dispute_heat(names: Sequence[str], disagreement: NDArray[np.float64]) -> Heatmap:
    """The share of pixels on which two differ; the strongest colour is the largest share."""
    tips = [
        [f"{first} and {second}: {100 * share:.1f} %" for second, share in zip(names, row, strict=True)]
        for first, row in zip(names, disagreement, strict=True)
    ]
    strength = disagreement / max(float(disagreement.max()), 1e-9)
    return Heatmap((100 * disagreement).tolist(), strength.tolist(), tips)


def _mistake(true: str, said: str, share: float) -> str:
    return f"{true} {'found' if true == said else f'taken for {said}'}: {100 * share:.1f} %"
