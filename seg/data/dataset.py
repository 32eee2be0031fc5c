"""Open the splits of a dataset: COCO, masks, folders of images, and pseudo-labels."""

from functools import partial

from seg.data.coco_split import CocoSplit
from seg.data.folder_split import FolderSplit
from seg.data.labelling import labelling_of
from seg.data.mask_split import MaskSplit
from seg.data.pseudo_labels import PseudoSplit
from seg.data.split import Split
from seg.spec.dataset import DatasetSpec, SplitName


def open_split(dataset: DatasetSpec, name: SplitName) -> Split:
    """Open one split; `predict` defaults to `val`.

    Raises:
        DataError: a file or folder of this split is missing or malformed.
    """
    spec = dataset.split(name)
    read_labelling = partial(labelling_of, dataset)
    if spec.annotations:
        return CocoSplit(spec.annotations, spec.images, read_labelling)
    if spec.masks:
        return MaskSplit(spec.images, spec.masks, read_labelling, dataset.unlabelled_values)
    return FolderSplit(spec.images, read_labelling, spec.ids)


def open_pseudo(dataset: DatasetSpec) -> tuple[Split, ...]:
    """The pseudo-labelled images as a split; empty if the dataset has none.

    Raises:
        DataError: they are missing, or were made for other classes.
    """
    if dataset.pseudo is None:
        return ()
    classes = open_split(dataset, "train").classes
    return (PseudoSplit(dataset.pseudo.images, dataset.pseudo.masks, classes),)
