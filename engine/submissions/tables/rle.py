"""Kaggle's run-length encoding: "start length start length ...", column by column, from pixel 1.

Source: the evaluation page of Kaggle's segmentation contests. A run may continue from the bottom
of one column to the top of the next; a class without pixels is the empty string. An `RleSpec` describes
contests that count along rows or from 0.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.regions.label_raster import LabelRaster, mask_of_class, size_of_labels
from seg.data.regions.region import Size
from seg.engine.submissions.tables.number_text import join_numbers, split_numbers
from seg.errors import DataError
from seg.labels.label_map import LabelsHW
from seg.spec.ensemble.output import RleSpec

KAGGLE: Final = RleSpec()

ROWS_OF_A_STRIP: Final = 512
"""Rows of a label map that are read at once, if it is no array."""

_NUMPY_ORDER: Final[dict[str, Literal["C", "F"]]] = {"rows": "C", "columns": "F"}


class LabelRuns(NamedTuple):
    """Runs of equal labels, int64 `[R]` each: the first pixel, counted from 0, the length and the label."""

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    labels: NDArray[np.int64]


def encode_rle(labels: LabelRaster, classes: int, style: RleSpec = KAGGLE) -> list[str]:
    """The run-length encoding of every class of a label map, which is read strip by strip if it is no array.

    A class without pixels gets the empty string.
    """
    height, width = size_of_labels(labels)
    if not height * width:
        return [""] * classes
    rows = height if isinstance(labels, np.ndarray) else ROWS_OF_A_STRIP
    strips = (
        _runs_of_strip(labels[top : min(top + rows, height), :], top, (height, width), style)
        for top in range(0, height, rows)
    )
    starts, lengths, run_labels = _join_runs_of_strips(list(strips))
    order = np.argsort(run_labels, kind="stable")
    pairs = np.stack((starts[order] + style.first, lengths[order]), axis=1)
    bounds = np.searchsorted(run_labels[order], np.arange(classes + 1))
    return join_numbers(pairs.ravel(), 2 * bounds)


def encode_rle_of_masks(labels: LabelRaster, classes: int, style: RleSpec = KAGGLE) -> list[str]:
    """The same of a label map with a bit for each class."""
    return [encode_rle(mask_of_class(labels, bit), 2, style)[1] for bit in range(classes)]


def _runs_of_strip(strip_hw: LabelsHW, top: int, size_hw: Size, style: RleSpec) -> LabelRuns:
    """The runs of some rows, by the numbers that their pixels have in the whole image."""
    rows, width = strip_hw.shape
    by_rows = style.order == "rows"
    pixels = (strip_hw if by_rows else cv2.transpose(np.ascontiguousarray(strip_hw))).ravel()
    begins = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    if not by_rows and rows < size_hw[0]:
        begins = np.union1d(begins, np.arange(rows, pixels.size, rows))
    begins = np.concatenate(([0], begins))
    lengths = np.diff(begins, append=pixels.size)
    if by_rows:
        starts = begins + top * width
    else:
        column, row = np.divmod(begins, rows)
        starts = column * size_hw[0] + top + row
    return LabelRuns(starts, lengths, pixels[begins].astype(np.int64))


def _join_runs_of_strips(strips: Sequence[LabelRuns]) -> LabelRuns:
    """The runs of all strips in order, and those that touch as one."""
    if len(strips) == 1:
        return strips[0]
    starts, lengths, labels = (np.concatenate(parts) for parts in zip(*strips, strict=True))
    order = np.argsort(starts, kind="stable")
    starts, lengths, labels = starts[order], lengths[order], labels[order]
    # Runs cover all pixels, so that one ends where the next begins.
    firsts = np.concatenate(([0], np.flatnonzero(labels[1:] != labels[:-1]) + 1))
    return LabelRuns(starts[firsts], np.add.reduceat(lengths, firsts), labels[firsts])


def parse_rle(text: str, pixels: int, style: RleSpec = KAGGLE) -> NDArray[np.int64]:
    """Starts, counted from 0, and lengths of the runs of a class, int64 `[R, 2]`.

    Raises:
        DataError: the text is not a list of pairs, or its runs overlap, are empty, out of order or outside an
            image of `pixels` pixels.
    """
    if not text:
        return np.zeros((0, 2), dtype=np.int64)
    numbers = split_numbers(text)
    if numbers is None or len(numbers) % 2:
        raise DataError(f"run lengths must be pairs of numbers separated by single spaces, got {text[:40]!r}")
    runs = numbers.reshape(-1, 2)
    runs[:, 0] -= style.first
    starts, lengths = runs.T
    ends = starts + lengths
    wrong = (starts < 0) | (lengths < 1) | (ends > pixels)
    wrong[1:] |= starts[1:] < ends[:-1]
    if wrong.any():
        start, length = runs[wrong.argmax()]
        raise DataError(
            f"the run '{start + style.first} {length}' is empty, overlaps or precedes the one before it, or"
            f" leaves the image of {pixels} pixels"
        )
    return runs


def decode_rle(text: str, size_hw: tuple[int, int], style: RleSpec = KAGGLE) -> NDArray[np.bool_]:
    """The mask, bool `[H, W]`, of one encoded class.

    Raises:
        DataError: the runs do not fit a mask of that size: see `parse_rle`.
    """
    pixels = size_hw[0] * size_hw[1]
    labels = merge_runs([parse_rle(text, pixels, style)], pixels, 1)
    mask_hw: NDArray[np.bool_] = reshape_in_rle_order(labels, size_hw, style) == 0
    return mask_hw


def merge_runs(runs: Sequence[NDArray[np.int64]], pixels: int, background: int) -> NDArray[np.uint8]:
    """A flat label map from the runs of each class, int64 `[R, 2]` as returned by `parse_rle`.

    Raises:
        DataError: a pixel has two classes.
    """
    labels = np.repeat(np.arange(len(runs)), [len(pairs) for pairs in runs])
    starts, lengths = np.concatenate([np.zeros((0, 2), dtype=np.int64), *runs]).T
    order = np.argsort(starts, kind="stable")
    bounds = np.stack((starts[order], (starts + lengths)[order]), axis=1).ravel()
    stretches = np.diff(bounds, prepend=0, append=pixels)
    if (stretches < 0).any():
        raise DataError("runs cover pixels of another class")
    values = np.full(len(stretches), background, dtype=np.uint8)
    values[1::2] = labels[order]
    return np.repeat(values, stretches)


def reshape_in_rle_order(pixels: NDArray[np.uint8], size_hw: tuple[int, int], style: RleSpec) -> LabelsHW:
    """Reshape flat pixels to an image `[H, W]` in the style's order, without a copy."""
    return pixels.reshape(size_hw, order=_NUMPY_ORDER[style.order])
