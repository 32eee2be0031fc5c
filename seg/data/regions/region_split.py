"""Splits by region: parts of large images as images of their own, and images of which parts are left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from seg.data.regions.label_raster import LabelRaster, LabelsWithoutRegions
from seg.data.regions.region import Region, Size, grid_of_regions
from seg.data.splits.derived_split import DerivedSplit
from seg.data.splits.split import Sample, Split
from seg.labels.task import LabelMap, ignore_value


@dataclass(frozen=True, slots=True)
class ImageRegion:
    """A region of image `index` of a split; without a region, the whole image."""

    index: int
    region: Region | None = None


class RegionSplit(DerivedSplit):
    """Parts of a split's images, each an image of its own, read from its file by region."""

    def __init__(self, whole: Split, parts: Sequence[ImageRegion]) -> None:
        super().__init__(whole)
        self.parts = tuple(parts)
        self._opened: tuple[int, LabelRaster] | None = None

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        return tuple(region_of_sample(self._whole.samples[part.index], part.region) for part in self.parts)

    @cached_property
    def fingerprint(self) -> str:
        return self._fingerprint_with(*self.parts)

    def labels(self, index: int) -> LabelMap:
        """The label map of a part; raises DataError as the whole split does."""
        part = self.parts[index]
        if part.region is None:
            return self._whole.labels(part.index)
        return self._labels_of(part.index)[part.region.slices]

    def open_labels(self, index: int) -> LabelRaster:
        return self.labels(index)

    def _labels_of(self, index: int) -> LabelRaster:
        """The labels of a whole image; those of the last one are kept, as its parts follow one another."""
        if self._opened is None or self._opened[0] != index:
            self._opened = (index, self._whole.open_labels(index))
        return self._opened[1]

    def __getstate__(self) -> dict[str, object]:
        """Pickle without opened files, for a process that loads batches."""
        return {**self.__dict__, "_opened": None}


class SplitWithoutRegions(DerivedSplit):
    """A split in whose label maps some regions are ignored, so that nothing is learnt from them."""

    def __init__(self, whole: Split, hidden: Mapping[int, tuple[Region, ...]]) -> None:
        super().__init__(whole)
        self._hidden = hidden
        self.samples = whole.samples

    @cached_property
    def fingerprint(self) -> str:
        return self._fingerprint_with(*sorted(self._hidden.items()))

    def labels(self, index: int) -> LabelMap:
        """The label map; raises DataError as the whole split does."""
        return self.open_labels(index)[:, :]

    def open_labels(self, index: int) -> LabelRaster:
        ignored = ignore_value(self.task, len(self.classes))
        return LabelsWithoutRegions(self._whole.open_labels(index), self._hidden.get(index, ()), ignored)


def split_in_regions(split: Split, sizes: Sequence[Size | None], side_hw: Size) -> Split:
    """The split with some images cut into regions of at most `side_hw`, side by side.

    Args:
        sizes: of each image that is cut, height and width; None for one that stays whole.
    """
    if not any(sizes):
        return split
    return RegionSplit(
        split,
        [
            ImageRegion(index, region)
            for index, size_hw in enumerate(sizes)
            for region in (grid_of_regions(size_hw, side_hw) if size_hw else [None])
        ],
    )


def region_of_sample(sample: Sample, region: Region | None) -> Sample:
    """A region of a sample as a sample, with the region in its id."""
    if region is None:
        return sample
    if sample.region is not None:
        region = region.moved(sample.region.top, sample.region.left)
    whole_id = sample.id.partition("@")[0] if sample.region else sample.id
    return replace(sample, id=f"{whole_id}@{region.top},{region.left}", region=region)
