"""The labelling of a dataset: its classes, its task, and what unlabelled pixels are in its label maps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.data.coco.coco_file import CocoCategory, read_coco_categories, repeated_ids_and_names
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.task import LabelMap, Task, classes_overlap, ignore_value, truth_dtype
from seg.spec.dataset.class_entry import ClassEntry, numbered_classes
from seg.spec.dataset.dataset import DatasetSpec
from seg.spec.dataset.split import SplitSpec


@dataclass(frozen=True, slots=True)
class Labelling:
    """The classes by label, and what a label map of the dataset holds.

    Attributes:
        unlabelled: the value of a pixel without a label: that of a class, the ignore index, or, where classes
            overlap, 0 for no class.
    """

    classes: tuple[ClassInfo, ...]
    unlabelled: int
    task: Task = "multiclass"

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The type of label maps."""
        return truth_dtype(self.task, len(self.classes))

    @property
    def void(self) -> int:
        """The value of pixels that are marked as unlabelled, by `unlabelled_values` and the like."""
        overlaps = classes_overlap(self.task)
        return ignore_value(self.task, len(self.classes)) if overlaps else self.unlabelled

    @property
    def background(self) -> int | None:
        """The label of the class that unlabelled pixels belong to; None if they belong to none."""
        is_class = not classes_overlap(self.task) and self.unlabelled != IGNORE_INDEX
        return self.unlabelled if is_class else None

    def blank(self, size_hw: tuple[int, int]) -> LabelMap:
        """A label map in which no pixel has a label."""
        return np.full(size_hw, self.unlabelled, self.dtype)

    def paint(self, labels_hw: LabelMap, mask_hw: NDArray[np.bool_], label: int) -> None:
        """Give pixels of a label map a class: instead of theirs, or where classes overlap besides."""
        if classes_overlap(self.task):
            labels_hw[mask_hw] |= self.dtype.type(self.value_of(label))
        else:
            labels_hw[mask_hw] = label

    def value_of(self, label: int) -> int:
        """The value of a pixel of this class alone: its position, or its bit."""
        return 1 << label if classes_overlap(self.task) else label


ReadLabelling = Callable[[], Labelling]
"""Reads the labelling on first use, as predicting may not need it."""


class WithLabelling:
    """What all splits of a dataset share: its labelling, read on first use."""

    def __init__(self, read_labelling: ReadLabelling) -> None:
        self._read_labelling = read_labelling

    @cached_property
    def _labelling(self) -> Labelling:
        return self._read_labelling()

    @property
    def task(self) -> Task:
        return self._labelling.task

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self._labelling.classes


def labelling_of(dataset: DatasetSpec) -> Labelling:
    """The classes listed in the YAML, or the COCO categories sorted by id.

    If the YAML lists names without ids and there are no masks, the ids are those of the COCO categories.

    Raises:
        DataError: the categories cannot be read, share an id or a name, or are too many.
    """
    classes = numbered_classes(_class_entries(dataset), dataset.unlabelled, dataset.task)
    if classes_overlap(dataset.task):
        return Labelling(classes, 0, dataset.task)
    if dataset.ignores_unlabelled:
        return Labelling(classes, IGNORE_INDEX)
    return Labelling(classes, [c.name for c in classes].index(dataset.unlabelled))


def known_classes_of_dataset(dataset: DatasetSpec) -> tuple[ClassInfo, ...] | None:
    """The classes, or None if the YAML lists none and the annotations are not on this machine.

    Raises:
        DataError: as `labelling_of`, of annotations that are there.
    """
    source = _source_of_classes(dataset)
    is_known = dataset.classes is not None if source is None else source.exists()
    return labelling_of(dataset).classes if is_known else None


def _source_of_classes(dataset: DatasetSpec) -> Path | None:
    """The COCO file with the names or ids of the classes, if the YAML does not have them."""
    listed = dataset.classes
    if listed is not None and (dataset.has_masks or all(entry.id is not None for entry in listed)):
        return None
    known = (split.annotations for split in (dataset.train, dataset.val) if isinstance(split, SplitSpec))
    return next((annotations for annotations in known if annotations), None)


def _class_entries(dataset: DatasetSpec) -> tuple[ClassEntry, ...]:
    listed, source = dataset.classes, _source_of_classes(dataset)
    if source is None:
        return listed or ()
    categories = sorted(read_coco_categories(source), key=lambda category: category.id)
    if not categories:
        raise DataError(f"{source}: has no categories: name them, or list 'classes' in the dataset's YAML")
    for problem in repeated_ids_and_names(categories):
        raise DataError(f"{source}: {problem}: give each category its own id and name")
    if listed is None:
        return tuple(ClassEntry(name=category.name, id=category.id) for category in categories)
    return _class_entries_with_ids(listed, categories)


def _class_entries_with_ids(
    listed: Sequence[ClassEntry], categories: Sequence[CocoCategory]
) -> tuple[ClassEntry, ...]:
    """Missing ids are those of the categories with the same name, else the first free numbers."""
    id_of = {category.name: category.id for category in categories}
    taken = {*id_of.values(), *(entry.id for entry in listed)}
    free = (number for number in range(len(taken) + len(listed)) if number not in taken)
    return tuple(
        entry
        if entry.id is not None
        else entry.model_copy(update={"id": id_of[entry.name] if entry.name in id_of else next(free)})
        for entry in listed
    )
