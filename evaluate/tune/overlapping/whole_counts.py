"""Counts of all labelled pixels of images at every threshold, and the best threshold of a class in them.

Random pixels are enough to search weights, but not thresholds: of a class that is rare, an image may have no
pixel among them.
"""

from collections.abc import Sequence

import numpy as np

from seg.evaluate.cache.labelled_passes import LabelledPasses
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.overlapping.region_table import THRESHOLDS
from seg.evaluate.tune.overlapping.threshold_curves import count_at_thresholds, position_of_best_threshold
from seg.labels.task import ignored_in, masks_of
from seg.metrics.from_counts import Counts, Tallies, class_score_from_counts
from seg.terminal.progress import progress


def count_mixtures(passes: LabelledPasses, mixtures: Sequence[Mixture]) -> list[list[Counts]]:
    """For each mixture and class the counts `[T, I]`; each pass is read once."""
    thresholds_t = np.array(THRESHOLDS, dtype=np.float32)
    counted: list[list[list[Counts]]] = [[[] for _ in range(passes.classes)] for _ in mixtures]
    with progress("count", passes.images, unit="images") as advance:
        for image in range(passes.images):
            labels_hw = passes.labels(image)
            known_hw = ~ignored_in(labels_hw, "multilabel", passes.classes)
            truth_chw = masks_of(labels_hw, "multilabel", passes.classes)
            cached_image = passes.cached_image(image)
            for mixture, of_classes in zip(mixtures, counted, strict=True):
                merged_chw = cached_image.merged(mixture)
                for label, of_images in enumerate(of_classes):
                    flat = merged_chw[label][known_hw][None], truth_chw[label][known_hw][None]
                    of_images.append(count_at_thresholds(*flat, thresholds_t))
            advance()
    return [
        [Counts(*(np.concatenate(part, axis=-1) for part in zip(*one, strict=True))) for one in of_classes]
        for of_classes in counted
    ]


def best_threshold(counts: Counts, tallies: Tallies) -> float:
    """The threshold of the highest score; the middle one where there is nothing to judge."""
    return THRESHOLDS[position_of_best_threshold(class_score_from_counts(tallies, counts))]
