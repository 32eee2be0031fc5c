"""Objects of an image as a label map by region: outlines and run lengths, the largest at the bottom."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seg.data.regions.region import Region, Size
from seg.data.regions.run_mask import RunMask
from seg.labels.label_map import LabelsHW


class LabelledRuns(NamedTuple):
    """An object: its label and its pixels."""

    label: int
    runs: RunMask


class ObjectRaster:
    """Label maps of regions, equal to those cut from `seg.data.coco.painting.paint` of the whole image."""

    def __init__(self, size_hw: Size, objects: Sequence[LabelledRuns], unlabelled: int) -> None:
        self.shape = size_hw
        self._unlabelled = unlabelled
        self._objects = [
            (label, runs, runs.bounds) for label, runs in sorted(objects, key=lambda one: -one.runs.area)
        ]

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelsHW:
        region = Region.of_slices(place, self.shape)
        labels_hw = np.full(region.size_hw, self._unlabelled, dtype=np.uint8)
        for label, runs, bounds in self._objects:
            shown = bounds.intersection(region)
            if shown.pixels:
                mask_hw = runs.mask_in(shown)
                labels_hw[shown.moved(-region.top, -region.left).slices][mask_hw] = label
        return labels_hw
