"""Whether masks number the objects of each image, as instance masks do, instead of showing classes."""

from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

_MOST_TRACED: Final = 32


def values_number_objects(masks: Sequence[NDArray[Any]]) -> bool:
    """Whether each mask counts from 1 without a gap, images have different counts, and objects are whole.

    Args:
        masks: whole numbers `[H, W]`.
    """
    counts = {_count_of_objects(values_hw) for values_hw in masks}
    return None not in counts and len(counts - {0}) > 1 and all(map(_objects_are_whole, masks))


def _count_of_objects(values_hw: NDArray[Any]) -> int | None:
    """The highest value, if all from 1 to it are there."""
    values = np.unique(values_hw)
    values = values[values > 0]
    return len(values) if np.array_equal(values, np.arange(1, len(values) + 1)) else None


def _objects_are_whole(values_hw: NDArray[Any]) -> bool:
    """Whether the pixels of each value touch one another."""
    values = range(1, min(int(values_hw.max()), _MOST_TRACED) + 1)
    return all(cv2.connectedComponents((values_hw == value).astype(np.uint8))[0] <= 2 for value in values)
