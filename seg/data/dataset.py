"""Open the splits of a dataset: COCO, masks, tables of run lengths, images alone, and pseudo-labels."""

from dataclasses import replace
from functools import partial

from seg.data.coco.coco_split import CocoSplit
from seg.data.division.held_out import hold_out_images
from seg.data.labelling import labelling_of
from seg.data.masks.mask_split import MaskSplit
from seg.data.regions.held_out_blocks import hold_out_blocks
from seg.data.regions.large_images import cut_large_images
from seg.data.splits.folder_split import FolderSplit
from seg.data.splits.nodata import IgnoreNodataSplit
from seg.data.splits.pseudo_labels import PseudoSplit
from seg.data.splits.scaled_split import ScaledSplit
from seg.data.splits.split import Split
from seg.data.splits.stacks import with_stacks
from seg.data.tables.table_split import TableSplit
from seg.spec.dataset.dataset import DatasetSpec, SplitName
from seg.spec.dataset.held_out import HeldOutBlocksSpec, HeldOutImagesSpec


def open_split(dataset: DatasetSpec, name: SplitName) -> Split:
    """Open one split; `predict` defaults to `val`.

    Large images of `val` are cut into regions, each an image of its own.

    Raises:
        DataError: a file or folder of this split is missing or malformed.
    """
    to_measure = name == "val"
    if name == "predict" and dataset.predict is None:
        name = "val"
    split: Split = open_undivided_split(dataset, name)
    if dataset.read_scale:
        split = ScaledSplit(split, dataset.read_scale)
    if dataset.pixel_range:
        split = IgnoreNodataSplit(split)
    if isinstance(dataset.val, HeldOutImagesSpec) and name != "predict":
        train, held_out = hold_out_images(split, dataset.val, dataset.group)
        split = train if name == "train" else held_out
    if isinstance(dataset.val, HeldOutBlocksSpec) and (to_measure or name == "train"):
        without, blocks = hold_out_blocks(split, dataset.val)
        return blocks if to_measure else without
    return cut_large_images(split) if to_measure else split


def open_undivided_split(dataset: DatasetSpec, name: SplitName) -> Split:
    """Open one split at its full resolution; with a `val` that is a share, all images of `train`.

    Raises:
        DataError: as `open_split`.
    """
    split = _open_labelled_split(dataset, name)
    if dataset.pixel_range is None:
        return split
    split.samples = tuple(
        replace(sample, pixel_range=dataset.pixel_range, rgb=dataset.rgb) for sample in split.samples
    )
    if dataset.stack:
        split.samples = with_stacks(split.samples, dataset.stack)
    return split


def _open_labelled_split(
    dataset: DatasetSpec, name: SplitName
) -> CocoSplit | MaskSplit | TableSplit | FolderSplit:
    spec = dataset.split(name)
    read_labelling = partial(labelling_of, dataset)
    if spec.annotations:
        return CocoSplit(spec.annotations, spec.images[0], read_labelling)
    if spec.masks:
        return MaskSplit(dataset, spec, spec.masks, read_labelling)
    if spec.labels:
        return TableSplit(spec, spec.labels, read_labelling)
    return FolderSplit(spec, read_labelling)


def open_pseudo_splits(dataset: DatasetSpec) -> tuple[Split, ...]:
    """The pseudo-labelled images as a split; empty if the dataset has none.

    Raises:
        DataError: they are missing, or were made for other classes.
    """
    if dataset.pseudo is None:
        return ()
    train = open_split(dataset, "train")
    return (PseudoSplit(dataset.pseudo.images, dataset.pseudo.masks, train.classes, train.task),)
