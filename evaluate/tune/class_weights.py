"""Fitting of class factors and class weights for the highest mIoU.

Networks that are trained for pixel accuracy underestimate rare classes, but mIoU counts all classes alike.
The search is coordinate ascent: one number after another gets its best value. All values are tried at once,
since pixels change to the class in a fixed order as its number grows.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.scorer import Scorer

FACTORS: Final = 2.0 ** (np.arange(-16, 17) / 4)
"""Changes of a class's factor in one step: from 1/16 to 16, by about a fifth each."""

WEIGHTS: Final = 2.0 ** (np.arange(-8, 7) / 2)
"""Weights of a member for a class, relative to the mean: from 1/16 to 8."""

ROUNDS: Final = 6
MIN_GAIN: Final = 1e-4
MIN_SCORE: Final = np.float32(1e-30)

ScoresCN = NDArray[np.float32]
"""Scores of classes before the argmax, float32 `[C, pixels]`."""


def with_class_factors(scorer: Scorer, mixture: Mixture) -> Mixture:
    """The mixture with the class factors of the highest mIoU on these images; their geometric mean is 1."""
    merged_cn = scorer.merged(mixture).reshape(scorer.classes, -1)
    truth_n = scorer.labels_in.ravel()
    factors = np.ones(scorer.classes)
    reached = 0.0
    for _ in range(ROUNDS):
        before = reached
        for label in range(scorer.classes):
            scores_cn = merged_cn * factors[:, None].astype(np.float32)
            best_n, rival_n = _best_other_class(scores_cn, label)
            needed_n = best_n / np.maximum(scores_cn[label], MIN_SCORE)
            mious = miou_by_value(needed_n, rival_n, truth_n, label, FACTORS)
            # Among equals, the one that changes least.
            step = min(range(len(FACTORS)), key=lambda n: (-mious[n], abs(np.log(FACTORS[n]))))
            if mious[step] > reached + MIN_GAIN:
                factors[label] *= FACTORS[step]
                reached = float(mious[step])
        if reached == before:
            break
    return replace(mixture, factors=_normalised(factors))


def with_class_weights(scorer: Scorer, mixture: Mixture) -> Mixture:
    """The mixture with class factors, and then with class weights of each member."""
    mixture = with_class_factors(scorer, mixture)
    members = mixture.members
    probabilities_mcn = np.stack(
        [scorer.merged(mixture.only([member])).reshape(scorer.classes, -1) for member in members]
    )
    member_weights = np.array([mixture.weights[member] for member in members])
    weights_mc = member_weights[:, None] * np.array(mixture.factors)
    _coordinate_ascent(probabilities_mcn, weights_mc, scorer.labels_in.ravel())
    totals_c = weights_mc.sum(0)
    relative_mc = weights_mc / totals_c / member_weights[:, None]
    class_weights = [(1.0,) * scorer.classes for _ in scorer.names]
    for member, relative_c in zip(members, relative_mc, strict=True):
        class_weights[member] = tuple(relative_c.tolist())
    return replace(mixture, class_weights=tuple(class_weights), factors=_normalised(totals_c))


def _coordinate_ascent(
    probabilities_mcn: ScoresCN, weights_mc: NDArray[np.float64], truth_n: NDArray[np.uint8]
) -> None:
    """Coordinate ascent: change weights `[M, C]` in place while mIoU grows."""
    reached = 0.0
    for _ in range(ROUNDS):
        before = reached
        for member, label in np.ndindex(*weights_mc.shape):
            scores_cn = np.einsum("mc,mcn->cn", weights_mc.astype(np.float32), probabilities_mcn)
            best_n, rival_n = _best_other_class(scores_cn, label)
            mine_n = probabilities_mcn[member, label]
            rest_n = scores_cn[label] - np.float32(weights_mc[member, label]) * mine_n
            needed_n = (best_n - rest_n) / np.maximum(mine_n, MIN_SCORE)
            steps = np.sort(np.append(WEIGHTS * weights_mc[:, label].mean(), weights_mc[member, label]))
            mious = miou_by_value(needed_n, rival_n, truth_n, label, steps)
            step = int(mious.argmax())
            if mious[step] > reached + MIN_GAIN:
                weights_mc[member, label] = steps[step]
                reached = float(mious[step])
        if reached == before:
            break


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


def _normalised(factors: NDArray[np.float64]) -> tuple[float, ...]:
    """Scale to a geometric mean of 1."""
    return tuple((factors / np.exp(np.log(factors).mean())).tolist())
