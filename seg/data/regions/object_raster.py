"""Objects of an image as a label map by region: outlines and run lengths, the largest at the bottom."""

from collections.abc import Sequence
from typing import NamedTuple

from seg.data.labelling import Labelling
from seg.data.regions.region import Region, Size
from seg.data.regions.run_mask import RunMask
from seg.labels.task import LabelMap


class LabelledRuns(NamedTuple):
    """An object: its label and its pixels."""

    label: int
    runs: RunMask


class ObjectRaster:
    """Label maps of regions, equal to those cut from `paint_objects` of the whole image."""

    def __init__(self, size_hw: Size, objects: Sequence[LabelledRuns], labelling: Labelling) -> None:
        self.shape = size_hw
        self._labelling = labelling
        self._objects = [
            (label, runs, runs.bounds) for label, runs in sorted(objects, key=lambda one: -one.runs.area)
        ]

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelMap:
        region = Region.of_slices(place, self.shape)
        labels_hw = self._labelling.blank(region.size_hw)
        for label, runs, bounds in self._objects:
            shown = bounds.intersection(region)
            if shown.pixels:
                part_hw = labels_hw[shown.moved(-region.top, -region.left).slices]
                self._labelling.paint(part_hw, runs.mask_in(shown), label)
        return labels_hw
