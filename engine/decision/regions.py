"""Connected regions of a mask."""

from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

MaskHW = NDArray[np.bool_]
Connectivity = Literal[4, 8]


def find_regions(mask_hw: MaskHW, connectivity: Connectivity) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The number of each pixel's region, int32 `[H, W]`, 0 outside of the mask; and the regions' areas.

    Areas are by number, int64 `[1 + regions]`; number 0, which is no region, has none.
    """
    if not mask_hw.any():
        return np.zeros(mask_hw.shape, np.int32), np.zeros(1, np.int64)
    _, numbers_hw, facts, _ = cv2.connectedComponentsWithStats(
        mask_hw.astype(np.uint8), connectivity=connectivity, ltype=cv2.CV_32S
    )
    areas_n = facts[:, cv2.CC_STAT_AREA].astype(np.int64)
    areas_n[0] = 0
    return cast(NDArray[np.int32], numbers_hw), areas_n


def area_of_largest_region(mask_hw: MaskHW, connectivity: Connectivity) -> int:
    """The pixels of the largest region; 0 if there is none."""
    return int(find_regions(mask_hw, connectivity)[1].max())


def keep_largest_region(mask_hw: MaskHW, connectivity: Connectivity) -> MaskHW:
    """The largest region alone; of several, the one whose first pixel comes first, row by row."""
    numbers_hw, areas_n = find_regions(mask_hw, connectivity)
    if len(areas_n) <= 2:
        return mask_hw
    is_largest_n = areas_n == areas_n.max()
    largest_hw = is_largest_n[numbers_hw]
    first = numbers_hw.ravel()[largest_hw.argmax()]
    return np.asarray(numbers_hw == first)


def remove_small_regions(mask_hw: MaskHW, least_area: int, connectivity: Connectivity) -> MaskHW:
    """The mask without regions of fewer pixels."""
    numbers_hw, areas_n = find_regions(mask_hw, connectivity)
    is_kept_n = areas_n >= max(1, least_area)
    return mask_hw if is_kept_n[1:].all() else np.asarray(is_kept_n[numbers_hw])


def fill_holes(mask_hw: MaskHW, connectivity: Connectivity) -> MaskHW:
    """The mask with what it encloses: pixels that no path outside of it joins to the border of the image.

    Where the mask is connected at corners, such a path must not pass a corner, and the other way round.
    """
    if not mask_hw.any():
        return mask_hw
    outside_hw = np.pad(~mask_hw, 1, constant_values=True)
    numbers_hw, _ = find_regions(outside_hw, 4 if connectivity == 8 else 8)
    return np.asarray(numbers_hw != numbers_hw[0, 0])[1:-1, 1:-1]
