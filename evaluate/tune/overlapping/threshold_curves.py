"""The metric at every threshold of a class, from one sort of its probabilities.

A pixel is in the prediction of all thresholds below its probability. So a counting sort of the pixels by the
number of thresholds below them, summed from the top, has the pixels that are predicted at each threshold; the
same of pixels in the truth has those that are right.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.metrics.from_counts import Counts

THRESHOLDS: Final = np.arange(1, 100, dtype=np.float32) / np.float32(100)
"""The thresholds that are tried, 0.01 to 0.99."""


def count_at_thresholds(
    probabilities_in: NDArray[np.float32],
    truth_in: NDArray[np.bool_],
    thresholds_t: NDArray[np.float32] = THRESHOLDS,
) -> Counts:
    """Counts of one class at each threshold, `[T, I]`.

    Args:
        probabilities_in: of n pixels of each of I images.
        thresholds_t: in rising order.
    """
    images, steps = len(truth_in), len(thresholds_t) + 1
    below_in = np.searchsorted(thresholds_t, probabilities_in)
    cells_in = below_in + steps * np.arange(images)[:, None]

    def above(cells: NDArray[np.intp]) -> NDArray[np.float64]:
        sorted_it = np.bincount(cells.ravel(), minlength=images * steps).reshape(images, steps)
        return np.asarray(sorted_it[:, :0:-1].cumsum(1)[:, ::-1].T, dtype=np.float64)

    return Counts(above(cells_in[truth_in]), truth_in.sum(1).astype(np.float64), above(cells_in))


def position_of_best_threshold(scores_t: NDArray[np.float64]) -> int:
    """The position of the highest score: the middle one of equal ones, and of all if nothing is judged."""
    if not np.isfinite(scores_t).any():
        return len(scores_t) // 2
    best = np.flatnonzero(scores_t == np.nanmax(scores_t))
    return int(best[len(best) // 2])
