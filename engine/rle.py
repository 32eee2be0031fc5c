"""Kaggle's run-length encoding: "start length start length ...", column by column, from pixel 1.

Source: the evaluation page of Kaggle's segmentation contests. A run may go on from the foot of one
column to the head of the next; a class without pixels is the empty string. Contests that count along
rows or from 0, or want -1 for nothing, say so in an `RleSpec`.
"""

import re
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from seg.errors import DataError
from seg.labels import LabelsHW
from seg.spec.output import RleSpec

KAGGLE: Final = RleSpec()

_PAIRS: Final = re.compile(r"(\d+ \d+( \d+ \d+)*)?")
_LONGEST_NUMBER: Final = 12
_NUMPY_ORDER: Final[dict[str, Literal["C", "F"]]] = {"rows": "C", "columns": "F"}


def encode(labels_hw: LabelsHW, classes: int, style: RleSpec = KAGGLE) -> list[str]:
    """The runs of every class of a label map, in one pass over its boundaries.

    A class without pixels is the style's text for that, and the empty string where its row is dropped.
    """
    empty = style.empty.replace("drop", "")
    pixels = labels_hw.ravel(order=_NUMPY_ORDER[style.order])
    if not pixels.size:
        return [empty] * classes
    starts = np.concatenate(([0], np.flatnonzero(pixels[1:] != pixels[:-1]) + 1))
    lengths = np.diff(starts, append=pixels.size)
    labels = pixels[starts]
    order = np.argsort(labels, kind="stable")
    pairs = np.stack((starts[order] + style.first, lengths[order]), axis=1)
    bounds = np.searchsorted(labels[order], np.arange(classes + 1))
    return [
        " ".join(map(str, pairs[first:last].ravel().tolist())) or empty for first, last in pairwise(bounds)
    ]


def parse(text: str, pixels: int, style: RleSpec = KAGGLE) -> NDArray[np.int64]:
    """Starts, counted from 0, and lengths of the runs of a class, int64 `[R, 2]`.

    Raises:
        DataError: the text is no list of pairs, or its runs overlap, are empty, out of order or
            outside an image of so many pixels.
    """
    if text == style.empty:
        text = ""
    if not _PAIRS.fullmatch(text):
        raise DataError(f"run lengths are pairs of numbers with one space between, got {text[:40]!r}")
    numbers = text.split()
    if any(len(number) > _LONGEST_NUMBER for number in numbers):
        raise DataError(f"run lengths of an image of {pixels} pixels have no such large number")
    runs = np.array(numbers, dtype=np.int64).reshape(-1, 2)
    runs[:, 0] -= style.first
    ends = runs.sum(1)
    before = np.concatenate(([0], ends[:-1])) if len(runs) else ends
    wrong = (runs[:, 1] < 1) | (runs[:, 0] < before) | (ends > pixels)
    if wrong.any():
        start, length = runs[wrong.argmax()]
        raise DataError(
            f"the run '{start + style.first} {length}' is empty, overlaps or precedes the one before it, or"
            f" leaves the image of {pixels} pixels"
        )
    return runs


def decode(
    text: str, size_hw: tuple[int, int], style: RleSpec = KAGGLE
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """The mask, bool `[H, W]`, of one encoded class.

    Raises:
        DataError: the runs are not those of a mask of that size: see `parse`.
    """
    mask = np.zeros(size_hw[0] * size_hw[1], dtype=np.bool_)
    paint(mask, parse(text, mask.size, style))
    return mask.reshape(size_hw, order=_NUMPY_ORDER[style.order])


def paint(pixels: NDArray[np.bool_], runs: NDArray[np.int64]) -> None:
    """Set the runs of a flat mask, in place."""
    for start, length in runs.tolist():
        pixels[start : start + length] = True


def on_image(pixels: NDArray[np.uint8], size_hw: tuple[int, int], style: RleSpec) -> LabelsHW:
    """Flat pixels as an image `[H, W]`, without a copy."""
    return pixels.reshape(size_hw, order=_NUMPY_ORDER[style.order])
