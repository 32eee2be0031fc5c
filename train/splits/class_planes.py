"""Label maps of overlapping classes as a plane for each class, which augmentation and losses work on.

In a plane a pixel is 1 if it is of the class, else 0, and the ignore index if it is to be ignored. So a byte
that is filled in for pixels outside the image means the same as in a label map of one class a pixel.
"""

import numpy as np
from numpy.typing import NDArray

from seg.labels.label_map import IGNORE_INDEX
from seg.labels.task import LabelMap, ignored_in, masks_of, pack_masks

PlanesHWC = NDArray[np.uint8]
"""1, 0 or the ignore index for each class, uint8 `[H, W, C]`."""


def class_planes(truth_hw: LabelMap, n_classes: int) -> PlanesHWC:
    """The planes of a label map of overlapping classes."""
    planes_chw = masks_of(truth_hw, "multilabel", n_classes).astype(np.uint8)
    planes_chw[:, ignored_in(truth_hw, "multilabel", n_classes)] = IGNORE_INDEX
    return np.ascontiguousarray(planes_chw.transpose(1, 2, 0))


def label_map_of(planes_hwc: PlanesHWC) -> LabelMap:
    """The label map of planes; a pixel that is ignored in all of them is to be ignored."""
    masks_chw = planes_hwc.transpose(2, 0, 1) == 1
    ignored_hw = (planes_hwc == IGNORE_INDEX).all(-1)
    return pack_masks(np.concatenate([masks_chw, ignored_hw[None]]))
