"""Regions of a label map that are too small for their class go to the most probable other class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seg.engine.decision.regions import MaskHW, find_regions
from seg.labels.label_map import LabelsHW, ProbabilitiesCHW
from seg.spec.ensemble.decision import ClassRule


def replace_small_regions(
    labels_hw: LabelsHW,
    probabilities_chw: ProbabilitiesCHW,
    rules: Sequence[ClassRule],
    factors: Sequence[float] = (),
) -> LabelsHW:
    """The label map in which no region has fewer pixels than the `least_area` of its class.

    Each pixel of a region that is too small gets its most probable class among those it has not had. This is
    repeated while regions are too small; a pixel that no class is left for keeps its last one.

    Args:
        labels_hw: the most probable class of each pixel, uint8 `[H, W]`.
        probabilities_chw: float32 `[C, H, W]`.
        rules: one for each class, of which `least_area` and `connectivity` count.
        factors: of the classes, which their probabilities are multiplied by; by default 1.
    """
    labels_hw = labels_hw.copy()
    scores_chw: NDArray[np.float32] | None = None
    while (small_hw := _small_regions(labels_hw, rules)).any():
        if scores_chw is None:
            scores_chw = probabilities_chw * _class_factors_chw(factors or [1.0] * len(rules))
        scores_cp = scores_chw[:, small_hw]
        np.put_along_axis(scores_cp, labels_hw[small_hw][None].astype(np.intp), -1.0, axis=0)
        scores_chw[:, small_hw] = scores_cp
        is_left_p = scores_cp.max(0) >= 0
        if not is_left_p.any():
            break
        labels_hw[small_hw] = np.where(is_left_p, scores_cp.argmax(0), labels_hw[small_hw])
    return labels_hw


def _small_regions(labels_hw: LabelsHW, rules: Sequence[ClassRule]) -> MaskHW:
    small_hw = np.zeros(labels_hw.shape, dtype=np.bool_)
    for label, rule in enumerate(rules):
        if rule.least_area > 1:
            numbers_hw, areas_n = find_regions(labels_hw == label, rule.connectivity)
            is_small_n = areas_n < rule.least_area
            is_small_n[0] = False
            small_hw |= is_small_n[numbers_hw]
    return small_hw


def _class_factors_chw(values: Sequence[float]) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)[:, None, None]
