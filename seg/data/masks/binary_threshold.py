"""Which pixels of a binary mask are of its class, by the mask's own values.

- Two values, one of them 0, such as 0 and 255; or a single value: the pixels above 0.
- Values most of which are near 0 and 255, with others only between these areas, as JPEGs and smoothed masks
  have: the pixels above the middle, and a notice says so.
- Any other values may be ids of several classes, and are refused.

What tells a smoothed mask from ids: its other values fill no area, so nearly every such pixel has a neighbour
of another value.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seg.data.masks.index_masks import values_with_counts
from seg.data.masks.mask_values import MaskValues
from seg.errors import DataError
from seg.terminal.notices import notice

MIDDLE: Final = 127
_NEAR_BLACK: Final = 31
_NEAR_WHITE: Final = 224
_WHITE: Final = 255
_MOSTLY: Final = 0.8
"""The least share of the pixels of a smoothed mask that are near black or white."""
_MOST_WITHIN_AREAS: Final = 0.02
"""The largest share of its other pixels that are within areas of one value."""

Regions = Callable[[], Iterable[MaskValues]]
"""All values of a mask, region by region, as often as they are asked for."""


def binary_mask(values: MaskValues, path: Path, place: Path) -> NDArray[np.bool_]:
    """The pixels of a mask that are of its class, bool `[H, W]`; arguments as for `binary_threshold`."""
    return mask_above_threshold(values, binary_threshold(lambda: [values], path, place))


def binary_threshold(regions: Regions, path: Path, place: Path) -> int:
    """The value above which pixels of a mask are of its class.

    Args:
        path: the mask's file.
        place: the folder or pattern of such masks, which the notice names once.

    Raises:
        DataError: the values are not those of a binary mask.
    """
    threshold = find_binary_threshold(regions)
    if threshold is None:
        raise DataError(_not_binary_message(regions, path))
    if threshold:
        notice_smoothed_masks(place)
    return threshold


def find_binary_threshold(regions: Regions) -> int | None:
    """The same without messages; None if the values are not those of a binary mask."""
    values, counts = _values_with_counts(regions)
    if len(values) == 1 or (len(values) == 2 and values[0] == 0):
        return 0
    return MIDDLE if _is_smoothed(regions, values, counts) else None


def notice_smoothed_masks(place: Path) -> None:
    """Say that masks are divided at the middle, once for those of a place."""
    notice(
        f"{place}: masks have values between black and white, as JPEGs and smoothed masks do: pixels above"
        f" {MIDDLE} are of the class"
    )


def mask_above_threshold(values: MaskValues, threshold: float) -> NDArray[np.bool_]:
    """Where a mask, or one of its channels, is above a threshold, bool `[H, W]`."""
    return np.asarray(np.atleast_3d(values > threshold).any(axis=-1))


def _not_binary_message(regions: Regions, path: Path) -> str:
    values, counts = _values_with_counts(regions)
    is_colour = _is_colour(regions)
    middle = MIDDLE if is_colour else int(values.max()) // 2
    shown: list[object] = [tuple(value.to_bytes(3)) if is_colour else value for value in values.tolist()]
    what = "colours" if is_colour else "values"
    return (
        f"{path}: has the {what} {values_with_counts(shown, counts)}, and a mask of one class has 0 and"
        " another: if they are of several classes, name the masks with 'to'; if pixels"
        f" above {middle} are of the class, set 'binary: {middle}'"
    )


def _values_with_counts(regions: Regions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The values of a mask, or its colours as numbers, and how many pixels have each."""
    is_colour = _is_colour(regions)
    found = [_count_values(_one_channel(values, is_colour=is_colour)) for values in regions()]
    values, place = np.unique(np.concatenate([own for own, _ in found]), return_inverse=True)
    counts = np.bincount(place, np.concatenate([own for _, own in found]))
    return values.astype(np.int64), counts.astype(np.int64)


def _count_values(values_hw: MaskValues) -> tuple[NDArray[Any], NDArray[np.int64]]:
    if values_hw.dtype != np.uint8:
        return np.unique(values_hw, return_counts=True)
    counts = np.bincount(values_hw.ravel(), minlength=_WHITE + 1)
    present = np.flatnonzero(counts)
    return present, counts[present]


def _is_smoothed(regions: Regions, values: NDArray[np.int64], counts: NDArray[np.int64]) -> bool:
    is_black, is_white = values <= _NEAR_BLACK, (values >= _NEAR_WHITE) & (values <= _WHITE)
    if not is_white.any() or counts[is_black | is_white].sum() < _MOSTLY * counts.sum():
        return False
    plain = [values[near][counts[near].argmax()] for near in (is_black, is_white) if near.any()]
    others = within = 0
    for region in regions():
        values_hw = _one_channel(region, is_colour=False)
        is_other_hw = ~np.isin(values_hw, plain)
        others += int(np.count_nonzero(is_other_hw))
        within += int(np.count_nonzero(is_other_hw & _is_within_area(values_hw)))
    return within <= _MOST_WITHIN_AREAS * others


def _is_within_area(values_hw: MaskValues) -> NDArray[np.bool_]:
    """Whether a pixel and its eight neighbours have one value; beyond the edge the mask goes on."""
    height, width = values_hw.shape
    around = np.pad(values_hw, 1, mode="edge")
    is_within_hw = np.ones((height, width), dtype=np.bool_)
    for down in range(3):
        for right in range(3):
            is_within_hw &= around[down : down + height, right : right + width] == values_hw
    return is_within_hw


def _is_colour(regions: Regions) -> bool:
    """Whether red, green and blue differ somewhere."""
    return any(values.ndim == 3 and bool((values != values[..., :1]).any()) for values in regions())


def _one_channel(values: MaskValues, *, is_colour: bool) -> MaskValues:
    """The values of a mask; of one in colour, a number for each colour."""
    if values.ndim == 2:
        return values
    if not is_colour:
        return values[..., 0]
    red, green, blue = np.moveaxis(values.astype(np.int64), -1, 0)
    return np.asarray(red << 16 | green << 8 | blue)
