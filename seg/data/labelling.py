"""The labelling of a dataset: its classes, and the label of unlabelled pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seg.data.coco.coco_file import CocoCategory, ambiguities, read_categories
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX
from seg.spec.dataset.dataset import ClassEntry, DatasetSpec, class_list
from seg.spec.dataset.split import SplitSpec


@dataclass(frozen=True, slots=True)
class Labelling:
    """The classes by label, and the label of unlabelled pixels: a class's or the ignore index."""

    classes: tuple[ClassInfo, ...]
    unlabelled: int


ReadLabelling = Callable[[], Labelling]
"""Reads the labelling on first use, as predicting may not need it."""


def labelling_of(dataset: DatasetSpec) -> Labelling:
    """The classes listed in the YAML, or the COCO categories sorted by id.

    If the YAML lists names without ids and there are no masks, the ids are those of the COCO categories.

    Raises:
        DataError: the categories cannot be read, share an id or a name, or are too many.
    """
    classes = class_list(_entries(dataset), dataset.unlabelled)
    if dataset.ignores_unlabelled:
        return Labelling(classes, IGNORE_INDEX)
    return Labelling(classes, [c.name for c in classes].index(dataset.unlabelled))


def known_classes(dataset: DatasetSpec) -> tuple[ClassInfo, ...] | None:
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


def _entries(dataset: DatasetSpec) -> tuple[ClassEntry, ...]:
    listed, source = dataset.classes, _source_of_classes(dataset)
    if source is None:
        return listed or ()
    categories = sorted(read_categories(source), key=lambda category: category.id)
    if not categories:
        raise DataError(f"{source}: has no categories: name them, or list 'classes' in the dataset's YAML")
    for problem in ambiguities(categories):
        raise DataError(f"{source}: {problem}: give each category its own id and name")
    if listed is None:
        return tuple(ClassEntry(name=category.name, id=category.id) for category in categories)
    return _with_ids(listed, categories)


def _with_ids(listed: Sequence[ClassEntry], categories: Sequence[CocoCategory]) -> tuple[ClassEntry, ...]:
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
