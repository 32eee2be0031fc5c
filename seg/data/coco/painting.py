"""Paint the objects of an image into one label map; where classes overlap, a pixel is of all of them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from seg.data.coco.rasterise import MaskHW
from seg.data.labelling import Labelling
from seg.labels.task import LabelMap


class PaintedObject(NamedTuple):
    """An object within its bounds; `area` is the number of its pixels."""

    label: int
    area: int
    bounds: tuple[slice, slice]
    mask_hw: MaskHW


def painted_object(label: int, mask_hw: MaskHW) -> PaintedObject:
    """An object from its mask, cropped to its bounds."""
    rows, columns = np.flatnonzero(mask_hw.any(1)), np.flatnonzero(mask_hw.any(0))
    if not rows.size:
        return PaintedObject(label, 0, (slice(0), slice(0)), mask_hw[:0, :0])
    bounds = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return PaintedObject(label, int(np.count_nonzero(mask_hw)), bounds, mask_hw[bounds].copy())


def paint_objects(
    size_hw: tuple[int, int], objects: Iterable[PaintedObject], labelling: Labelling
) -> LabelMap:
    """Paint objects into a label map.

    If a pixel has one class, the largest is at the bottom, and of equals the last on top.
    """
    labels_hw = labelling.blank(size_hw)
    for one in sorted(objects, key=lambda one: -one.area):
        labelling.paint(labels_hw[one.bounds], one.mask_hw, one.label)
    return labels_hw
