"""A mask as a text of run lengths, "start length start length ...", and back."""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data.regions.region import Region
from seg.data.regions.run_mask import Order, RunMask

EMPTY: Final = frozenset({"", "-", "-1", "nan", "none", "null", "[]"})
"""Texts for a class without a pixel, in small letters. A run of the length 0 has none, either."""

_SEPARATORS: Final = re.compile(r"[,\[\]]")
"""Of lists, which may stand for a text of numbers."""


def decode_run_lengths(text: str, size_hw: tuple[int, int], order: Order, first: int) -> NDArray[np.bool_]:
    """The mask, bool `[H, W]`, of an object's runs; arguments and errors are those of `parse_run_mask`."""
    return parse_run_mask(text, size_hw, order, first).mask_in(Region.whole(size_hw))


def parse_run_mask(text: str, size_hw: tuple[int, int], order: Order, first: int) -> RunMask:
    """The runs of an object, of which any region is drawn.

    Args:
        order: whether pixels are numbered down the columns or along the rows.
        first: the number of the first pixel.

    Raises:
        ValueError: the text is no list of pairs, or a run leaves the image.
    """
    height, width = size_hw
    starts, lengths = _run_pairs(text)
    starts = starts - first
    starts = np.where(lengths == 0, 0, starts)
    wrong = (starts < 0) | (lengths < 0) | (lengths > height * width - np.maximum(starts, 0))
    if wrong.any():
        place = int(wrong.argmax())
        raise ValueError(
            f"the run '{starts[place] + first} {lengths[place]}' leaves the image of {width}x{height} pixels"
        )
    return RunMask.of_runs(starts, lengths, size_hw, order)


def has_ascending_runs(text: str) -> bool:
    """Whether each run starts behind the one before; raises ValueError as `parse_run_mask`."""
    starts, lengths = _run_pairs(text)
    return bool((starts[1:] >= (starts + lengths)[:-1]).all())


def encode_run_lengths(mask_hw: NDArray[np.bool_], order: Order, first: int) -> str:
    """The runs of a mask, in ascending order; an empty text for an empty mask."""
    edges = np.diff(mask_hw.ravel(order="C" if order == "rows" else "F"), prepend=False, append=False)
    starts, ends = np.flatnonzero(edges).reshape(-1, 2).T
    return " ".join(map(str, np.stack((starts + first, ends - starts), axis=1).ravel().tolist()))


def _run_pairs(text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if text.strip().lower() in EMPTY:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    parts = _SEPARATORS.sub(" ", text).split()
    try:
        numbers = np.array(parts, dtype=np.int64)
    except (ValueError, OverflowError):
        numbers = np.zeros(1, dtype=np.int64)
    if len(numbers) % 2:
        raise ValueError(f"run lengths are pairs of whole numbers, got {text[:40]!r}")
    return numbers[::2], numbers[1::2]
