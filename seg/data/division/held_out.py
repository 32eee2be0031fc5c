"""A share of the training images, held out to measure on."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from seg.data.division.stratify import assign_parts
from seg.data.pairing.pattern import Pattern
from seg.data.split import Split
from seg.data.subset_split import Subset
from seg.errors import DataError, SpecError
from seg.labels import IGNORE_INDEX
from seg.progress import progress
from seg.spec.split import ShareSpec

_THREADS = 4


def hold_out(whole: Split, spec: ShareSpec) -> tuple[Subset, Subset]:
    """The images to train on, and those held out.

    Raises:
        SpecError: the group's pattern does not match an image's id.
        DataError: there are too few images or groups, or labels cannot be read.
    """
    groups = [_group_of(sample.id, spec.group) for sample in whole.samples]
    names = len(set(groups))
    if names < 2:
        what = "image" if spec.group is None else "group"
        raise DataError(
            f"val: share: the training images are {names} {what}: there must be 2 to hold one out"
        )
    has_nc = _has_classes(whole) if spec.stratify else np.zeros((len(groups), 0), dtype=np.bool_)
    part_n = assign_parts(has_nc, groups, [1 - spec.share, spec.share], spec.seed)
    held_out = part_n == 1
    if not held_out.any():
        held_out = np.asarray(groups) == groups[int(np.random.default_rng(spec.seed).integers(len(groups)))]
    return Subset(whole, np.flatnonzero(~held_out).tolist()), Subset(whole, np.flatnonzero(held_out).tolist())


def _group_of(image: str, group: str | None) -> str:
    if group is None:
        return image
    pattern = Pattern(group)
    try:
        captures = pattern.match(image)
    except ValueError as error:
        raise SpecError(f"val: group: {group!r} {error}") from error
    if captures is None:
        raise SpecError(f"val: group: {group!r} does not match the image {image!r}: it must match every id")
    return "\n".join(captures.values())


def _has_classes(split: Split) -> NDArray[np.bool_]:
    """Which classes are in each image, bool `[N, C]`; it reads all labels."""
    classes = len(split.classes)

    def has(index: int) -> NDArray[np.bool_]:
        counts = np.bincount(split.labels(index).ravel(), minlength=IGNORE_INDEX + 1)
        return counts[:classes] > 0

    rows = []
    with (
        progress("stratify", len(split.samples), unit="images") as advance,
        ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as threads,
    ):
        for row in threads.map(has, range(len(split.samples))):
            rows.append(row)
            advance()
    return np.array(rows)
