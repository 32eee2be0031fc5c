"""Resampling by area, window by window: a window's pixels are those of the whole image resampled."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data.regions.region import Region, Size
from seg.image_type import ImageHWB

_AT_ONCE: Final = 2**24
"""The most pixels of the source that are held at once."""


def covered_span(start: int, end: int, length: int, of: int) -> tuple[int, int]:
    """The first pixel of a line of `of` pixels, and the one behind the last, that `start` to `end` cover in
    one of `length`.
    """
    return start * of // length, -(-end * of // length)


def nearest_positions(start: int, end: int, length: int, of: int) -> NDArray[np.int64]:
    """For each pixel `start` to `end` of a line of `length`: the pixel of a line of `of` at its middle."""
    middles: NDArray[np.int64] = (2 * np.arange(start, end) + 1) * of // (2 * length)
    return middles


def resampled_rows_at_once(region: Region, size_hw: Size, of_hw: Size) -> int:
    """How many rows of a region are resampled at once, so that what they cover fits into memory."""
    left, right = covered_span(region.left, region.right, size_hw[1], of_hw[1])
    return max(1, math.floor(_AT_ONCE / max(1, right - left) * size_hw[0] / of_hw[0]))


def resample_by_area(
    source_hwb: ImageHWB, source: Region, region: Region, size_hw: Size, of_hw: Size
) -> ImageHWB:
    """A region of an image of `size_hw`, each pixel the mean of what it covers in the image of `of_hw`.

    Args:
        source_hwb: the pixels of the image of `of_hw` in `source`, whose edges `covered_span` gives.
    """
    values = np.asarray(source_hwb, dtype=np.float32)
    values = _resample_rows(values, region.top, region.bottom, size_hw[0], of_hw[0], source.top)
    turned = values.transpose(1, 0, 2)
    turned = _resample_rows(turned, region.left, region.right, size_hw[1], of_hw[1], source.left)
    means = turned.transpose(1, 0, 2)
    if np.issubdtype(source_hwb.dtype, np.integer):
        means = np.rint(means)
    return np.ascontiguousarray(means, dtype=source_hwb.dtype)


def _resample_rows(
    values: NDArray[np.float32], start: int, end: int, length: int, of: int, first: int
) -> NDArray[np.float32]:
    """Weighted sums of rows. Shares of pixels are whole numbers over `of`, the same in every window."""
    if length == of:
        return values
    wanted = np.arange(start, end)
    begins = wanted * of // length
    sums = np.zeros((len(wanted), *values.shape[1:]), dtype=np.float32)
    for step in range(-(-of // length) + 1):
        covered = begins + step
        share = np.minimum((wanted + 1) * of, (covered + 1) * length) - np.maximum(
            wanted * of, covered * length
        )
        # A row without a share may lie outside, or lack data.
        used = np.where(share > 0, covered, begins)
        weight = (np.maximum(share, 0) / of).astype(np.float32)
        sums += weight[:, None, None] * values[used - first]
    return sums
