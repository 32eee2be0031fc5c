"""What each class should count, and each member for each class, so that mIoU is highest.

A network that is trained for its share of right pixels gives a rare class too little; mIoU counts all classes
alike. One number after another gets the value that is best while all others keep theirs, found among all
values at once: as it grows, pixels change to its class in an order that never changes.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.scorer import Scorer

FACTORS: Final = 2.0 ** (np.arange(-16, 17) / 4)
"""By what a class's factor may change in one step: a sixteenth to sixteen times, in steps of a fifth."""

WEIGHTS: Final = 2.0 ** (np.arange(-8, 7) / 2)
"""What a member may weigh for a class, as times its fair share: a sixteenth to eight times."""

ROUNDS: Final = 6
LEAST_GAIN: Final = 1e-4
LEAST_SCORE: Final = np.float32(1e-30)

ScoresCN = NDArray[np.float32]
"""What decides between classes, float32 `[C, pixels]`."""


def with_class_factors(scorer: Scorer, mixture: Mixture) -> Mixture:
    """The mixture with the factors that suit these images best; their geometric mean is 1."""
    merged_cn = scorer.merged(mixture).reshape(scorer.classes, -1)
    truth_n = scorer.labels_in.ravel()
    factors = np.ones(scorer.classes)
    reached = 0.0
    for _ in range(ROUNDS):
        before = reached
        for label in range(scorer.classes):
            scores_cn = merged_cn * factors[:, None].astype(np.float32)
            best_n, rival_n = _rivals(scores_cn, label)
            needed_n = best_n / np.maximum(scores_cn[label], LEAST_SCORE)
            mious = mious_by_step(needed_n, rival_n, truth_n, label, FACTORS)
            # Of equals the one that changes least.
            step = min(range(len(FACTORS)), key=lambda n: (-mious[n], abs(np.log(FACTORS[n]))))
            if mious[step] > reached + LEAST_GAIN:
                factors[label] *= FACTORS[step]
                reached = float(mious[step])
        if reached == before:
            break
    return replace(mixture, factors=_scaled(factors))


def with_class_weights(scorer: Scorer, mixture: Mixture) -> Mixture:
    """The mixture with class factors, and then with what each of its members should weigh for each class."""
    mixture = with_class_factors(scorer, mixture)
    members = mixture.members
    said_mcn = np.stack(
        [scorer.merged(mixture.only([member])).reshape(scorer.classes, -1) for member in members]
    )
    own = np.array([mixture.weights[member] for member in members])
    weights_mc = own[:, None] * np.array(mixture.factors)
    _climb(said_mcn, weights_mc, scorer.labels_in.ravel())
    totals_c = weights_mc.sum(0)
    relative_mc = weights_mc / totals_c / own[:, None]
    class_weights = [(1.0,) * scorer.classes for _ in scorer.names]
    for member, relative_c in zip(members, relative_mc, strict=True):
        class_weights[member] = tuple(relative_c.tolist())
    return replace(mixture, class_weights=tuple(class_weights), factors=_scaled(totals_c))


def _climb(said_mcn: ScoresCN, weights_mc: NDArray[np.float64], truth_n: NDArray[np.uint8]) -> None:
    """Change weights `[M, C]` while mIoU grows."""
    reached = 0.0
    for _ in range(ROUNDS):
        before = reached
        for member, label in np.ndindex(*weights_mc.shape):
            scores_cn = np.einsum("mc,mcn->cn", weights_mc.astype(np.float32), said_mcn)
            best_n, rival_n = _rivals(scores_cn, label)
            mine_n = said_mcn[member, label]
            rest_n = scores_cn[label] - np.float32(weights_mc[member, label]) * mine_n
            needed_n = (best_n - rest_n) / np.maximum(mine_n, LEAST_SCORE)
            steps = np.sort(np.append(WEIGHTS * weights_mc[:, label].mean(), weights_mc[member, label]))
            mious = mious_by_step(needed_n, rival_n, truth_n, label, steps)
            step = int(mious.argmax())
            if mious[step] > reached + LEAST_GAIN:
                weights_mc[member, label] = steps[step]
                reached = float(mious[step])
        if reached == before:
            break


def mious_by_step(
    needed_n: NDArray[np.float32],
    rival_n: NDArray[np.intp],
    truth_n: NDArray[np.uint8],
    label: int,
    steps: NDArray[np.float64],
) -> NDArray[np.float64]:
    """mIoU at each of the steps of a number that brings pixels to one class, float64 `[steps]`.

    Args:
        needed_n: what the number must be for a pixel to have the class.
        rival_n: the label that it has until then.
        truth_n: the label that it should have.
        label: the class.
        steps: ascending.
    """
    classes = int(max(rival_n.max(), truth_n.max(), label)) + 1
    # A lower label wins a tie, as in every decision.
    step_n = np.where(
        rival_n < label, np.searchsorted(steps, needed_n, "right"), np.searchsorted(steps, needed_n, "left")
    )
    was_right_n = rival_n == truth_n
    left = _counts(step_n, rival_n, classes, len(steps))
    lost = _counts(step_n[was_right_n], rival_n[was_right_n], classes, len(steps))
    won = _counts(step_n, truth_n, classes, len(steps))[:, label]
    hit = np.bincount(rival_n[was_right_n], minlength=classes) - lost
    hit[:, label] = won
    predicted = np.bincount(rival_n, minlength=classes) - left
    predicted[:, label] = left.sum(1)
    union = predicted + np.bincount(truth_n, minlength=classes) - hit
    present = union > 0
    ious = np.divide(hit, union, out=np.zeros(hit.shape), where=present)
    mious: NDArray[np.float64] = ious.sum(1) / present.sum(1)
    return mious


def _rivals(scores_cn: ScoresCN, label: int) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The highest score of all other classes, and which of them has it."""
    others_cn = scores_cn.copy()
    others_cn[label] = -1
    return others_cn.max(0), others_cn.argmax(0)


def _counts(
    step_n: NDArray[np.intp], label_n: NDArray[np.integer], classes: int, steps: int
) -> NDArray[np.int64]:
    """How many pixels of each label have changed at each step, `[steps, C]`."""
    cells = step_n * np.intp(classes) + label_n
    counted = np.bincount(cells, minlength=(steps + 1) * classes).reshape(steps + 1, classes)
    return counted[:steps].cumsum(0)


def _scaled(factors: NDArray[np.float64]) -> tuple[float, ...]:
    """To a geometric mean of 1."""
    return tuple((factors / np.exp(np.log(factors).mean())).tolist())
