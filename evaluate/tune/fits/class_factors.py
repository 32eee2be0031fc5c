"""Fitting of class factors for the highest mIoU.

Networks that are trained for pixel accuracy underestimate rare classes, but mIoU counts all classes alike.
The search is coordinate ascent: one factor after another gets its best value. All values are tried at once,
since pixels change to the class in a fixed order as its factor grows.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.tune.fits.member_pixels import MIN_SCORE, ScoresCIN

FACTORS: Final = 2.0 ** (np.arange(-16, 17) / 4)
"""Changes of a class's factor in one step: from 1/16 to 16, by about a fifth each."""

ROUNDS: Final = 4
MIN_GAIN: Final = 1e-4

ScoresCN = NDArray[np.float32]
"""Scores of C classes at n pixels."""


def fit_factors(scores_cin: ScoresCIN, labels_in: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The factors of the highest mIoU on these pixels, float64 `[C]`; their geometric mean is 1."""
    scores_cn, truth_n = scores_cin.reshape(len(scores_cin), -1), labels_in.ravel()
    factors_c = np.ones(len(scores_cn))
    reached = 0.0
    for _ in range(ROUNDS):
        before = reached
        for label in range(len(scores_cn)):
            scaled_cn = scores_cn * factors_c[:, None].astype(np.float32)
            best_n, rival_n = _best_other_class(scaled_cn, label)
            needed_n = best_n / np.maximum(scaled_cn[label], MIN_SCORE)
            mious = miou_by_value(needed_n, rival_n, truth_n, label, FACTORS)
            # Among equals, the one that changes least.
            step = min(range(len(FACTORS)), key=lambda n: (-mious[n], abs(np.log(FACTORS[n]))))
            if mious[step] > reached + MIN_GAIN:
                factors_c[label] *= FACTORS[step]
                reached = float(mious[step])
        if reached == before:
            break
    return normalised(factors_c)


def normalised(factors_c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scaled to a geometric mean of 1."""
    scaled_c: NDArray[np.float64] = factors_c / np.exp(np.log(factors_c).mean())
    return scaled_c


def miou_by_value(
    needed_n: NDArray[np.float32],
    rival_n: NDArray[np.intp],
    truth_n: NDArray[np.uint8],
    label: int,
    steps: NDArray[np.float64],
) -> NDArray[np.float64]:
    """mIoU for each candidate value of one class's factor or weight, float64 `[steps]`.

    Args:
        needed_n: the value from which on a pixel gets the class.
        rival_n: the label of the pixel below that value.
        truth_n: the true label.
        label: the class.
        steps: candidate values, ascending.
    """
    classes = int(max(rival_n.max(), truth_n.max(), label)) + 1
    # A lower label wins a tie, as in every decision.
    step_n = np.where(
        rival_n < label, np.searchsorted(steps, needed_n, "right"), np.searchsorted(steps, needed_n, "left")
    )
    was_right_n = rival_n == truth_n
    left = _cumulative_counts(step_n, rival_n, classes, len(steps))
    lost = _cumulative_counts(step_n[was_right_n], rival_n[was_right_n], classes, len(steps))
    won = _cumulative_counts(step_n, truth_n, classes, len(steps))[:, label]
    hit = np.bincount(rival_n[was_right_n], minlength=classes) - lost
    hit[:, label] = won
    predicted = np.bincount(rival_n, minlength=classes) - left
    predicted[:, label] = left.sum(1)
    union = predicted + np.bincount(truth_n, minlength=classes) - hit
    present = union > 0
    ious = np.divide(hit, union, out=np.zeros(hit.shape), where=present)
    mious: NDArray[np.float64] = ious.sum(1) / present.sum(1)
    return mious


def _best_other_class(scores_cn: ScoresCN, label: int) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The highest score of all other classes, and its class."""
    others_cn = scores_cn.copy()
    others_cn[label] = -1
    return others_cn.max(0), others_cn.argmax(0)


def _cumulative_counts(
    step_n: NDArray[np.intp], label_n: NDArray[np.integer], classes: int, steps: int
) -> NDArray[np.int64]:
    """The number of pixels of each label that have changed at each step, `[steps, C]`."""
    cells = step_n * np.intp(classes) + label_n
    counted = np.bincount(cells, minlength=(steps + 1) * classes).reshape(steps + 1, classes)
    return counted[:steps].cumsum(0)
