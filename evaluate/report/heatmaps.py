"""Heatmaps of the confusion matrix and of disagreement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

WORST: Final = 5
MIN_SHARE: Final = 0.01
"""Mistakes below this share of a class's pixels are not listed."""


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Percentages, colour strengths (0..1) and tooltips of cells, row by row.

    Colours of a confusion matrix grow with the square root, so that small shares are visible. `worst` lists
    the largest cells off the diagonal.
    """

    percents: list[list[float]]
    shares: list[list[float]]
    tips: list[list[str]]
    worst: tuple[str, ...] = ()


def confusion_heatmap(names: Sequence[str], counts_cc: NDArray[np.int64]) -> Heatmap:
    """The confusion matrix, each row normalised; rows are the truth."""
    shares = counts_cc / np.maximum(1, counts_cc.sum(1, keepdims=True))
    tips = [
        [_heatmap_tooltip(true, predicted, share) for predicted, share in zip(names, row, strict=True)]
        for true, row in zip(names, shares, strict=True)
    ]
    off_diagonal = shares * (1 - np.eye(len(names)))
    largest = np.argsort(-off_diagonal, axis=None)[:WORST].tolist()
    places = [divmod(place, len(names)) for place in largest]
    worst = tuple(tips[row][column] for row, column in places if off_diagonal[row, column] > MIN_SHARE)
    return Heatmap((100 * shares).tolist(), np.sqrt(shares).tolist(), tips, worst)


def disagreement_heatmap(names: Sequence[str], disagreement: NDArray[np.float64]) -> Heatmap:
    """The share of pixels on which two members differ, coloured relative to the largest share."""
    tips = [
        [f"{first} and {second}: {100 * share:.1f} %" for second, share in zip(names, row, strict=True)]
        for first, row in zip(names, disagreement, strict=True)
    ]
    strength = disagreement / max(float(disagreement.max()), 1e-9)
    return Heatmap((100 * disagreement).tolist(), strength.tolist(), tips)


def _heatmap_tooltip(true: str, predicted: str, share: float) -> str:
    return f"{true} {'correct' if true == predicted else f'predicted as {predicted}'}: {100 * share:.1f} %"
