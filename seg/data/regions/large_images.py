"""Splits in which large images are cut into regions, so that measuring them takes the memory of one."""

from typing import Final

from seg.data.images.read_sample import size_if_by_region
from seg.data.regions.region_split import split_in_regions
from seg.data.splits.split import Sample, Split

MEASURED_SIDE: Final = 2048
"""The side of the regions in which large images are measured."""


NETWORK_SIDE: Final = 512
"""The side of the regions in which a network is run on them without tiles, as to verify it."""


def cut_for_networks(split: Split) -> Split:
    """The split with the regions of large images small enough for a network to see each at once."""
    sizes = [sample.region.size_hw if sample.region else None for sample in split.samples]
    return split_in_regions(split, sizes, (NETWORK_SIDE, NETWORK_SIDE))


def cut_large_images(split: Split) -> Split:
    """The split with its large images in regions, each measured as an image of its own."""
    sizes = [size_if_by_region(sample) if _is_cut_into_regions(sample) else None for sample in split.samples]
    return split_in_regions(split, sizes, (MEASURED_SIDE, MEASURED_SIDE))


def _is_cut_into_regions(sample: Sample) -> bool:
    """Whether regions are read from its file: stacks and images scaled by percentiles are read whole."""
    is_read_whole = sample.stack or (sample.pixel_range and sample.pixel_range.percentile)
    return sample.region is None and not is_read_whole
