"""From a dataset's YAML to its splits."""

from functools import partial

from seg.data.coco import CocoSplit
from seg.data.folder import FolderSplit
from seg.data.labelling import labelling_of
from seg.data.masks import MaskSplit
from seg.data.pseudo import PseudoSplit
from seg.data.split import Split
from seg.spec.dataset import DatasetSpec, SplitName


def open_split(dataset: DatasetSpec, name: SplitName) -> Split:
    """Open one split; `predict` is `val` where the dataset names none.

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
    """The images to train on whose labels were guessed, as one split; none where the dataset names none.

    Raises:
        DataError: they are missing, or were guessed for other classes.
    """
    if dataset.pseudo is None:
        return ()
    classes = open_split(dataset, "train").classes
    return (PseudoSplit(dataset.pseudo.images, dataset.pseudo.masks, classes),)
