"""Blocks of images, held out to measure on, so that a single image is enough to train and to validate."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data.division.stratify import assign_parts
from seg.data.regions.label_raster import size_of_labels
from seg.data.regions.region import Region, grid_of_regions
from seg.data.regions.region_split import ImageRegion, RegionSplit, SplitWithoutRegions
from seg.data.splits.split import Split
from seg.errors import DataError
from seg.labels.task import LabelMap, Task, classes_overlap, count_pixels
from seg.spec.dataset.held_out import HeldOutBlocksSpec
from seg.terminal.progress import progress
from seg.terminal.words import pluralise

SAMPLE_STEP: Final = 4
"""Classes are looked for in every fourth pixel of every fourth row."""

Block = tuple[int, Region]
"""The number of an image, and a block of it."""


def hold_out_blocks(whole: Split, spec: HeldOutBlocksSpec) -> tuple[SplitWithoutRegions, RegionSplit]:
    """The images without the blocks held out, and these blocks as images.

    Labels of these blocks and of the margin around them are ignored in the first. Every class has its share
    of blocks; a block without a labelled pixel is not held out.

    Raises:
        DataError: there is a single block, or labels cannot be read.
    """
    sizes, blocks, has_classes = [], [], []
    with progress("divide into blocks", len(whole.samples), unit="images") as advance:
        for index in range(len(whole.samples)):
            labels = whole.open_labels(index)
            sizes.append(size_of_labels(labels))
            for region in grid_of_regions(sizes[-1], (spec.block, spec.block)):
                blocks.append((index, region))
                has_classes.append(_classes_in_block(labels[region.slices], whole.task, len(whole.classes)))
            advance()
    held_out = _choose_held_out_blocks(blocks, np.array(has_classes), spec)
    hidden: dict[int, list[Region]] = defaultdict(list)
    for index, region in held_out:
        hidden[index].append(region.grown(spec.margin, sizes[index]))
    return (
        SplitWithoutRegions(whole, {index: tuple(regions) for index, regions in hidden.items()}),
        RegionSplit(whole, [ImageRegion(index, region) for index, region in held_out]),
    )


def _choose_held_out_blocks(
    blocks: Sequence[Block], has_nc: NDArray[np.bool_], spec: HeldOutBlocksSpec
) -> list[Block]:
    labelled = np.flatnonzero(has_nc.any(axis=1))
    if len(labelled) < 2:
        raise DataError(
            f"val: tiles: the training images have {pluralise(len(labelled), 'labelled block')} of"
            f" {spec.block}x{spec.block} pixels: there must be 2 to hold one out: set a smaller 'block'"
        )
    names = [str(number) for number in range(len(labelled))]
    part_n = assign_parts(has_nc[labelled], names, [1 - spec.tiles, spec.tiles], spec.seed)
    held_out = labelled[part_n == 1]
    if not len(held_out):
        held_out = labelled[[int(np.random.default_rng(spec.seed).integers(len(labelled)))]]
    return [blocks[position] for position in held_out]


def _classes_in_block(labels_hw: LabelMap, task: Task, classes: int) -> NDArray[np.bool_]:
    """Which classes are in a block; where they overlap, also whether pixels of no class are."""
    sampled_hw = labels_hw[::SAMPLE_STEP, ::SAMPLE_STEP]
    has_c = count_pixels(sampled_hw, task, classes) > 0
    return np.append(has_c, (sampled_hw == 0).any()) if classes_overlap(task) else has_c
