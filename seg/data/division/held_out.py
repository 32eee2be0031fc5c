"""A share of the training images, held out to measure on."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from seg.data.division.stratify import assign_parts
from seg.data.groups.given import given_groups, groups_by_pattern
from seg.data.splits.split import Split
from seg.data.splits.subset_split import SubsetSplit
from seg.errors import DataError
from seg.labels.task import count_pixels
from seg.spec.dataset.groups import GroupSpec
from seg.spec.dataset.held_out import HeldOutImagesSpec
from seg.terminal.progress import progress

_THREADS = 4


def hold_out_images(
    whole: Split, spec: HeldOutImagesSpec, group: GroupSpec | None
) -> tuple[SubsetSplit, SubsetSplit]:
    """The images to train on, and those held out.

    Args:
        group: the dataset's groups, which the share's own replace.

    Raises:
        SpecError: an image has no group.
        DataError: there are too few images or groups, or labels cannot be read.
    """
    groups = _groups_to_hold_out(whole, spec, group)
    names = len(set(groups))
    if names < 2:
        what = "group" if spec.group or group else "image"
        raise DataError(
            f"val: share: the training images are {names} {what}: there must be 2 to hold one out"
        )
    has_nc = _classes_in_each_image(whole) if spec.stratify else np.zeros((len(groups), 0), dtype=np.bool_)
    part_n = assign_parts(has_nc, groups, [1 - spec.share, spec.share], spec.seed)
    held_out = part_n == 1
    if not held_out.any():
        held_out = np.asarray(groups) == groups[int(np.random.default_rng(spec.seed).integers(len(groups)))]
    return SubsetSplit(whole, np.flatnonzero(~held_out).tolist()), SubsetSplit(
        whole, np.flatnonzero(held_out).tolist()
    )


def _groups_to_hold_out(whole: Split, spec: HeldOutImagesSpec, group: GroupSpec | None) -> Sequence[str]:
    if spec.group is not None:
        return groups_by_pattern([sample.id for sample in whole.samples], spec.group, "val: group")
    if group is not None:
        return given_groups(whole.samples, group)
    return [sample.id for sample in whole.samples]


def _classes_in_each_image(split: Split) -> NDArray[np.bool_]:
    """Which classes are in each image, bool `[N, C]`; it reads all labels."""
    classes = len(split.classes)

    def has(index: int) -> NDArray[np.bool_]:
        return np.greater(count_pixels(split.labels(index), split.task, classes), 0)

    rows = []
    with (
        progress("stratify", len(split.samples), unit="images") as advance,
        ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as threads,
    ):
        for row in threads.map(has, range(len(split.samples))):
            rows.append(row)
            advance()
    return np.array(rows)
