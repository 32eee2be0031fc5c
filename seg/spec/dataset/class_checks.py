"""Checks of a dataset's classes against its task, its masks, and the values that count as unlabelled."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seg.labels.label_map import MAX_CLASSES
from seg.labels.task import MAX_OVERLAPPING_CLASSES, classes_overlap
from seg.spec.base import did_you_mean
from seg.spec.class_lists.unlabelled import MAX_PIXEL_VALUE
from seg.spec.dataset.class_entry import numbered_classes

if TYPE_CHECKING:
    from seg.spec.dataset.dataset import DatasetSpec


def refuse_classes_beyond_task(dataset: "DatasetSpec") -> None:
    """Raise ValueError if there are more or fewer classes than the task and a label map can hold."""
    if classes_overlap(dataset.task):
        _refuse_overlapping_classes(dataset)
        return
    count = len(numbered_classes(dataset.classes or (), dataset.unlabelled, dataset.task))
    if dataset.classes is not None and count < 2:
        raise ValueError(
            "'classes' has one class, and unlabelled pixels are ignored: list another, or set"
            " 'unlabelled: Background'"
        )
    if count > MAX_CLASSES:
        raise ValueError(f"with {dataset.unlabelled!r} there are more than {MAX_CLASSES} classes")


def _refuse_overlapping_classes(dataset: "DatasetSpec") -> None:
    if not dataset.ignores_unlabelled:
        raise ValueError(
            f"'unlabelled: {dataset.unlabelled}' with 'task: {dataset.task}': there a pixel may be of no"
            " class: remove 'unlabelled'"
        )
    count = len(dataset.classes or ())
    if dataset.task == "binary" and count > 1:
        raise ValueError(
            f"'task: binary' has one class, and {count} are listed: 'task: multilabel' takes several"
        )
    if count > MAX_OVERLAPPING_CLASSES:
        raise ValueError(f"{count} classes that overlap: at most {MAX_OVERLAPPING_CLASSES}")


def refuse_masks_of_other_classes(dataset: "DatasetSpec") -> None:
    """Raise ValueError if masks name a class that is not listed, or are binary and there are others."""
    names = [c.name for c in numbered_classes(dataset.classes or (), dataset.unlabelled, dataset.task)]
    one_or_two = 1 if classes_overlap(dataset.task) else 2
    for masks in (split.masks for split in dataset.listed_splits if split.masks and dataset.classes):
        if masks.binary is not None and not masks.of_class and len(names) != one_or_two:
            of = "one class" if one_or_two == 1 else "two classes"
            raise ValueError(f"'binary' masks are of {of}, and there are {len(names)}")
        for name in masks.of_class or ():
            if name not in names:
                raise ValueError(f"'of_class' has {name!r}, which is no class: {did_you_mean(name, names)}")


def refuse_ambiguous_mask_values(dataset: "DatasetSpec") -> None:
    """Raise ValueError if labels name no classes themselves and none are listed, or two have one id."""
    if dataset.classes is None and any(split.labels for split in dataset.listed_splits):
        raise ValueError("a table of run lengths names no classes: list them under 'classes'")
    if not dataset.has_masks:
        return
    if dataset.classes is None:
        raise ValueError("mask folders name no classes: list them under 'classes'")
    name_of: dict[int, str] = {}
    for c in numbered_classes(dataset.classes, dataset.unlabelled, dataset.task):
        if not 0 <= c.id <= MAX_PIXEL_VALUE:
            raise ValueError(f"class {c.name!r} has the id {c.id}: a mask's pixel values are 0..255")
        if c.id in name_of:
            raise ValueError(
                f"classes {name_of[c.id]!r} and {c.name!r} both have the id {c.id}: give each its own"
            )
        name_of[c.id] = c.name
    if "unlabelled_values" in dataset.model_fields_set:
        _refuse_labelled_and_unlabelled(dataset, name_of)


def _refuse_labelled_and_unlabelled(dataset: "DatasetSpec", name_of: Mapping[int, str]) -> None:
    for value in dataset.unlabelled_values:
        if name_of.get(value, dataset.unlabelled) != dataset.unlabelled:
            raise ValueError(
                f"{value} is the id of class {name_of[value]!r} and among 'unlabelled_values':"
                " it can be only one of them"
            )
