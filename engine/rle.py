"""Kaggle's run-length encoding: "start length start length ...", column by column, from pixel 1.

Source: the evaluation page of Kaggle's segmentation contests. A run may go on from the foot of one
column to the head of the next; a class without pixels is the empty string.
"""

import re
from itertools import pairwise
from typing import Final

import numpy as np

from seg.errors import DataError
from seg.labels import LabelsHW

_PAIRS: Final = re.compile(r"(\d+ \d+( \d+ \d+)*)?")
_LONGEST_NUMBER: Final = 12


def encode(labels_hw: LabelsHW, classes: int) -> list[str]:
    """The runs of every class of a label map, in one pass over its boundaries."""
    pixels = labels_hw.ravel(order="F")
    if not pixels.size:
        return [""] * classes
    starts = np.concatenate(([0], np.flatnonzero(pixels[1:] != pixels[:-1]) + 1))
    lengths = np.diff(starts, append=pixels.size)
    labels = pixels[starts]
    order = np.argsort(labels, kind="stable")
    pairs = np.stack((starts[order] + 1, lengths[order]), axis=1)
    bounds = np.searchsorted(labels[order], np.arange(classes + 1))
    return [" ".join(map(str, pairs[first:last].ravel().tolist())) for first, last in pairwise(bounds)]


def decode(text: str, size_hw: tuple[int, int]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """The mask, bool `[H, W]`, of one encoded class.

    Raises:
        DataError: the text is no list of pairs, or its runs overlap, are empty, out of order or
            outside the image.
    """
    height, width = size_hw
    mask = np.zeros(height * width, dtype=np.bool_)
    if not _PAIRS.fullmatch(text):
        raise DataError(f"run lengths are pairs of numbers with one space between, got {text[:40]!r}")
    numbers = text.split()
    if any(len(number) > _LONGEST_NUMBER for number in numbers):
        raise DataError(f"run lengths of an image of {mask.size} pixels have no such large number")
    previous_end = 0
    for start, length in zip(map(int, numbers[::2]), map(int, numbers[1::2]), strict=True):
        end = start - 1 + length
        if length < 1 or start - 1 < previous_end or end > mask.size:
            raise DataError(
                f"the run '{start} {length}' is empty, overlaps or precedes the one before it, or"
                f" leaves the image of {mask.size} pixels"
            )
        mask[start - 1 : end] = True
        previous_end = end
    return mask.reshape(width, height).T
