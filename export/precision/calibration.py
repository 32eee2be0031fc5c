"""Calibration images of int8: training images that together show every class."""

from typing import Final

import numpy as np

from seg.data import Split
from seg.data.images.read_sample import read_sample
from seg.image_type import ImageHWB
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.task import Task, classes_overlap, masks_of

LABELS_READ: Final = 500
"""Of a larger split, so many label maps, evenly spread, are looked at."""


def images_to_calibrate_int8(split: Split, count: int, task: Task) -> list[ImageHWB]:
    """So many images, each the one that shows most of what the ones before show least."""
    candidates = _spread_calibration_indices(len(split.samples), LABELS_READ)
    shares = np.stack([_class_shares_of_images(split, index, task) for index in candidates])
    seen = np.zeros(shares.shape[1])
    chosen: list[int] = []
    for _ in range(min(count, len(candidates))):
        # A class counts by the root of its share, so that the rare one outweighs more of the common one.
        gain = np.sqrt(seen + shares).sum(1)
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
        seen += shares[chosen[-1]]
    return [read_sample(split.samples[candidates[position]]) for position in sorted(chosen)]


def _class_shares_of_images(
    split: Split, index: int, task: Task
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    labels_hw = split.labels(index)
    if classes_overlap(task):
        return np.asarray(masks_of(labels_hw, task, len(split.classes)).mean((1, 2)))
    known = labels_hw[labels_hw != IGNORE_INDEX]
    counts = np.bincount(known, minlength=len(split.classes))
    return np.asarray(counts / max(1, known.size), dtype=np.float64)


def _spread_calibration_indices(total: int, count: int) -> list[int]:
    return [position * total // min(total, count) for position in range(min(total, count))]
