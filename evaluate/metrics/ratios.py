"""Ratios of counts of pixels, undefined where there is nothing to divide by."""

import numpy as np
from numpy.typing import NDArray


def ratio_or_nan(part: NDArray[np.generic], whole: NDArray[np.generic]) -> NDArray[np.float64]:
    """The ratio, float64; NaN where the whole is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: NDArray[np.float64] = np.asarray(part, dtype=np.float64) / np.asarray(whole, dtype=np.float64)
    return np.where(np.asarray(whole) > 0, ratio, np.nan)


def score_or_none(score: float) -> float | None:
    """The score as files and pages have it: None if it is NaN."""
    return None if np.isnan(score) else float(score)
