"""From a dataset's YAML to its splits."""

from typing import Literal

from seg.classes import ClassInfo
from seg.data.coco import CocoSplit, read_coco
from seg.data.folder import FolderSplit
from seg.data.masks import MaskSplit
from seg.data.split import Split
from seg.labels import IGNORE_INDEX
from seg.spec.dataset import ClassEntry, DatasetSpec, class_list

SplitName = Literal["train", "val", "predict"]


def open_split(dataset: DatasetSpec, name: SplitName) -> Split:
    """Open one split; `predict` is `val` where the dataset names none.

    Raises:
        DataError: a file or folder is missing, malformed, or has a category that is no class.
    """
    spec = dataset.to_predict if name == "predict" else getattr(dataset, name)
    classes = dataset_classes(dataset)
    unlabelled = _unlabelled_label(dataset, classes)
    if spec.annotations:
        return CocoSplit(spec.annotations, spec.images, classes, unlabelled)
    if spec.masks:
        return MaskSplit(spec.images, spec.masks, classes, unlabelled, dataset.unlabelled_values)
    return FolderSplit(spec.images, classes)


def dataset_classes(dataset: DatasetSpec) -> tuple[ClassInfo, ...]:
    """The classes by label: as the YAML lists them, or the COCO categories sorted by id."""
    if dataset.classes is not None:
        return class_list(dataset.classes, dataset.unlabelled)
    source = dataset.train.annotations or dataset.val.annotations
    if source is None:
        return class_list((), dataset.unlabelled)
    categories = sorted(read_coco(source).categories, key=lambda category: category.id)
    entries = tuple(ClassEntry(name=c.name, id=c.id) for c in categories)
    return class_list(entries, dataset.unlabelled)


def _unlabelled_label(dataset: DatasetSpec, classes: tuple[ClassInfo, ...]) -> int:
    if dataset.ignores_unlabelled:
        return IGNORE_INDEX
    return [c.name for c in classes].index(dataset.unlabelled)
