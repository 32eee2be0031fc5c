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
from seg.data.images.images import write_mask
from seg.data.splits.pseudo_labels import PseudoRecord, pseudo_mask
from seg.engine.merging.decision import Decision, confidence_of
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX, LabelsHW, ProbabilitiesCHW
from seg.labels.probability_codec import from_levels
from seg.labels.soft_labels import SoftLabels
from seg.terminal.progress import progress


@dataclass(frozen=True, slots=True)
class PseudoLabelCounts:
    """Pixels of each class, int64 `[C]`: all that are decided for it, and those that are confident."""

    decided_c: NDArray[np.int64]
    confident_c: NDArray[np.int64]


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
    decided_c = np.zeros(len(classes), dtype=np.int64)
    confident_c = np.zeros(len(classes), dtype=np.int64)
    with progress("pseudo-labels", len(samples), unit="images") as advance:
        for sample in samples:
            probabilities_chw = from_levels(soft_labels.read(sample.image).transpose(2, 0, 1))
            decided_hw = decision.labels(probabilities_chw)
            labels_hw = keep_confident(decided_hw, probabilities_chw, record.confidence)
            decided_c += np.bincount(decided_hw.ravel(), minlength=len(classes))
            confident_c += np.bincount(labels_hw[labels_hw != IGNORE_INDEX], minlength=len(classes))
            write_mask(pseudo_mask(masks, sample), labels_hw)
            advance()
    record.write(masks)
    return PseudoLabelCounts(decided_c, confident_c)


def keep_confident(labels_hw: LabelsHW, probabilities_chw: ProbabilitiesCHW, confidence: float) -> LabelsHW:
    """The labels whose probability is at least `confidence`; the ignore index elsewhere."""
    confidence_hw = confidence_of(labels_hw, probabilities_chw)
    return np.where(confidence_hw >= confidence, labels_hw, np.uint8(IGNORE_INDEX))
