"""Pseudo-labels: an ensemble's labels where its confidence is high enough.

Source: Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method", 2013; with a threshold
as in Xie et al., "Self-training with Noisy Student improves ImageNet classification", 2020.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seg.data import Sample
from seg.data.splits.pseudo_labels import PseudoRecord, pseudo_mask, write_pseudo_mask
from seg.engine.merging.decision import Decision, confidence_of_labels
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.probability_codec import probabilities_from_levels, sigmoid_probabilities_from_levels
from seg.labels.soft_labels import SoftLabels
from seg.labels.task import (
    LabelMap,
    Task,
    classes_overlap,
    count_pixels,
    ignore_value,
    ignored_in,
    truth_dtype,
)
from seg.terminal.progress import progress


@dataclass(frozen=True, slots=True)
class PseudoLabelCounts:
    """Pixels of each class, int64 `[C]`: all that are decided for it, and those that are confident.

    `pixels` counts all pixels, and `confident` those that are not ignored.
    """

    decided_c: NDArray[np.int64]
    confident_c: NDArray[np.int64]
    pixels: int
    confident: int


def write_pseudo_labels(
    samples: Sequence[Sample],
    soft_labels: SoftLabels,
    classes: Sequence[ClassInfo],
    masks: Path,
    record: PseudoRecord,
    decision: Decision,
) -> PseudoLabelCounts:
    """Write the pseudo-label map of each image from its soft labels, and then the record of all.

    Args:
        decision: of the ensemble, so that pseudo-labels are what the ensemble would submit.

    Raises:
        DataError: an image has no soft labels.
    """
    task, count = decision.task, len(classes)
    decode = sigmoid_probabilities_from_levels if classes_overlap(task) else probabilities_from_levels
    decided_c, confident_c = (np.zeros(count, dtype=np.int64) for _ in range(2))
    pixels = confident = 0
    with progress("pseudo-labels", len(samples), unit="images") as advance:
        for sample in samples:
            probabilities_chw = decode(soft_labels.read(sample.image).transpose(2, 0, 1))
            decided_hw = decision.labels(probabilities_chw)
            labels_hw = keep_confident_labels(decided_hw, probabilities_chw, record.confidence, task)
            decided_c += count_pixels(decided_hw, task, count)
            confident_c += count_pixels(labels_hw, task, count)
            pixels += labels_hw.size
            confident += int(np.count_nonzero(~ignored_in(labels_hw, task, count)))
            write_pseudo_mask(pseudo_mask(masks, sample), labels_hw)
            advance()
    record.write(masks)
    return PseudoLabelCounts(decided_c, confident_c, pixels, confident)


def keep_confident_labels(
    labels_hw: LabelMap, probabilities_chw: ProbabilitiesCHW, confidence: float, task: Task = "multiclass"
) -> LabelMap:
    """Ground truth from the labels whose probability is at least `confidence`; other pixels are ignored.

    Where classes overlap, all classes of a pixel must be so sure, there or not.
    """
    classes = len(probabilities_chw)
    dtype = truth_dtype(task, classes)
    is_sure_hw = confidence_of_labels(labels_hw, probabilities_chw, task) >= confidence
    return np.where(is_sure_hw, labels_hw.astype(dtype), dtype.type(ignore_value(task, classes)))
