"""The dataset's own YAML: where images and labels lie, the classes, what unlabelled pixels mean."""

from pathlib import Path
from typing import Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from seg.classes import ClassInfo, Colour, default_colour
from seg.labels import MAX_CLASSES
from seg.spec.base import LocalPath, Spec
from seg.spec.source import load

UNLABELLED_IGNORED = "ignore"


class SplitSpec(Spec):
    """Images with labels: a COCO JSON, or a folder of index masks named like the images.

    A split with neither has images only, and can be predicted but not learnt from.
    """

    images: LocalPath
    annotations: LocalPath | None = None
    masks: LocalPath | None = None

    @model_validator(mode="after")
    def _one_kind_of_label(self) -> Self:
        if self.annotations and self.masks:
            raise ValueError("annotations (COCO) and masks (a folder) exclude each other: keep one")
        return self

    @property
    def labelled(self) -> bool:
        return bool(self.annotations or self.masks)


class ClassEntry(Spec):
    """One class as a dataset YAML names it; `id` and `colour` default to its position."""

    name: str
    id: int | None = None
    colour: Colour | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class DatasetSpec(Spec):
    """A dataset.

    `classes` is required for mask folders and optional for COCO, whose categories are the default.
    `unlabelled` is `ignore`, or the name of the class that pixels without an annotation belong to;
    where the classes do not name it, it becomes the first. In masks, `unlabelled_values` are the
    pixel values that count as unlabelled.
    """

    train: SplitSpec
    val: SplitSpec
    predict: SplitSpec | None = None
    classes: tuple[ClassEntry, ...] | None = Field(default=None, min_length=2, max_length=MAX_CLASSES)
    unlabelled: str = UNLABELLED_IGNORED
    unlabelled_values: tuple[int, ...] = (255,)

    @field_validator("classes")
    @classmethod
    def _distinct(cls, entries: tuple[ClassEntry, ...] | None) -> tuple[ClassEntry, ...] | None:
        names = [entry.name for entry in entries or ()]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"class {name!r} is named twice")
        return entries

    @model_validator(mode="after")
    def _masks_need_classes(self) -> Self:
        if self.classes is None and any(split.masks for split in (self.train, self.val)):
            raise ValueError("mask folders name no classes: list them under 'classes'")
        return self

    @property
    def ignores_unlabelled(self) -> bool:
        return self.unlabelled == UNLABELLED_IGNORED

    @property
    def to_predict(self) -> SplitSpec:
        """The images that a submission is about: `predict`, or `val` where that is not given."""
        return self.predict or self.val


def class_list(entries: tuple[ClassEntry, ...], unlabelled: str) -> tuple[ClassInfo, ...]:
    """Turn entries into classes: ids by position where none is given, colours by position.

    The class `unlabelled` is put first, with id 0 or the first free number, if no entry bears its
    name.
    """
    numbered = [
        (position if entry.id is None else entry.id, entry.name, entry.colour)
        for position, entry in enumerate(entries)
    ]
    if unlabelled != UNLABELLED_IGNORED and unlabelled not in {name for _, name, _ in numbered}:
        taken = {number for number, _, _ in numbered}
        free = next(number for number in range(len(taken) + 1) if number not in taken)
        numbered.insert(0, (free, unlabelled, None))
    return tuple(
        ClassInfo(id=number, name=name, colour=colour or default_colour(position))
        for position, (number, name, colour) in enumerate(numbered)
    )


def load_dataset(path: Path) -> DatasetSpec:
    """Read a dataset YAML; raises SpecError with the line of each mistake."""
    return load(DatasetSpec, path)


def _dataset_or_its_path(value: Any, info: Any) -> Any:
    if isinstance(value, str):
        folder: Path = (info.context or {}).get("folder", Path())
        return load_dataset(folder / value)
    return value


DATASET_OR_PATH = BeforeValidator(_dataset_or_its_path, json_schema_input_type=str | DatasetSpec)
"""Marks a field that takes a dataset in place, or the path of a dataset YAML."""
