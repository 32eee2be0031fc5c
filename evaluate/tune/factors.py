"""What each class should count in the decision, so that mIoU is highest.

A network that is trained for its share of right pixels gives a rare class too little; mIoU counts all classes
alike. One class after another gets the factor that is best while the others keep theirs, found among all of a
scale at once: as the factor grows, pixels change to the class in an order that never changes.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.tune.mixture import Mixture
from seg.evaluate.tune.scorer import Scorer

SCALE: Final = 2.0 ** (np.arange(-16, 17) / 4)
"""By what a factor may change in one step: a sixteenth to sixteen times, in steps of a fifth."""

ROUNDS: Final = 6
LEAST_GAIN: Final = 1e-4

ScoresCN = NDArray[np.float32]
"""Merged probabilities of pixels times their class's factors, float32 `[C, pixels]`."""


def with_class_factors(scorer: Scorer, mixture: Mixture) -> Mixture:
    """The mixture with the factors that suit these images best; their geometric mean is 1."""
    probabilities_cn = scorer.merged(mixture).reshape(scorer.classes, -1)
    truth_n = scorer.labels_in.ravel()
    factors = np.ones(scorer.classes)
    reached = 0.0
    for _ in range(ROUNDS):
        before = reached
        for label in range(scorer.classes):
            scores_cn = probabilities_cn * factors[:, None].astype(np.float32)
            mious = mious_along_scale(scores_cn, truth_n, label)
            # Of equals the one that changes least.
            best = min(range(len(SCALE)), key=lambda step: (-mious[step], abs(np.log(SCALE[step]))))
            if mious[best] > reached + LEAST_GAIN:
                factors[label] *= SCALE[best]
                reached = float(mious[best])
        if reached == before:
            break
    factors /= np.exp(np.log(factors).mean())
    return replace(mixture, factors=tuple(factors.tolist()))


def mious_along_scale(scores_cn: ScoresCN, truth_n: NDArray[np.uint8], label: int) -> NDArray[np.float64]:
    """mIoU with one class's scores times each step of the scale, float64 `[steps]`."""
    classes = len(scores_cn)
    others_cn = scores_cn.copy()
    others_cn[label] = -1
    rival_n = others_cn.argmax(0)
    needed_n = others_cn.max(0) / np.maximum(scores_cn[label], np.float32(1e-30))
    # A lower label wins a tie, as in every decision.
    step_n = np.where(
        rival_n < label, np.searchsorted(SCALE, needed_n, "right"), np.searchsorted(SCALE, needed_n, "left")
    )
    was_right_n = rival_n == truth_n
    left = _counts(step_n, rival_n, classes)
    lost = _counts(step_n[was_right_n], rival_n[was_right_n], classes)
    won = _counts(step_n, truth_n, classes)[:, label]
    hit = np.bincount(rival_n[was_right_n], minlength=classes) - lost
    hit[:, label] = won
    predicted = np.bincount(rival_n, minlength=classes) - left
    predicted[:, label] = left.sum(1)
    union = predicted + np.bincount(truth_n, minlength=classes) - hit
    present = union > 0
    ious = np.divide(hit, union, out=np.zeros(hit.shape), where=present)
    mious: NDArray[np.float64] = ious.sum(1) / present.sum(1)
    return mious


def _counts(step_n: NDArray[np.intp], label_n: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """How many pixels of each label have changed at each step of the scale, `[steps, C]`."""
    steps = len(SCALE)
    cells = step_n * np.intp(classes) + label_n
    counted = np.bincount(cells, minlength=(steps + 1) * classes).reshape(steps + 1, classes)
    return counted[:steps].cumsum(0)
