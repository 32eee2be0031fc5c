"""The dataset's own YAML: where images and labels lie, the classes, what unlabelled pixels mean."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from seg.classes import ClassInfo, Colour, default_colour
from seg.errors import DataError
from seg.labels import MAX_CLASSES
from seg.spec.base import LocalPath, Spec, path_beside
from seg.spec.groups import GROUP_OR_PATTERN
from seg.spec.pseudo import PseudoSpec
from seg.spec.source import load

UNLABELLED_IGNORED = "ignore"
SplitName = Literal["train", "val", "predict"]
PixelValue = Annotated[int, Field(ge=0, le=255)]


class SplitSpec(Spec):
    """Images, with labels as a COCO JSON or as a folder of index masks named like the images.

    A split without labels can be predicted, but not trained on; see `seg.data.list_samples`.
    """

    images: LocalPath
    """A folder. Without labels also a pattern (`photos/**/*.jpg`), or a list (`.txt`, `.csv`)."""
    annotations: LocalPath | None = None
    """A COCO JSON. For images without labels, the JSON that gives their COCO ids."""
    masks: LocalPath | None = None
    """A folder of index masks: for `images/a/b.jpg` it holds `a/b.png`."""
    ids: LocalPath | None = None
    """A CSV that chooses among images without labels, by id or file name, in its order."""

    @model_validator(mode="after")
    def _one_kind_of_label(self) -> Self:
        if self.annotations and self.masks:
            raise ValueError("annotations (COCO) and masks (a folder) exclude each other: keep one")
        return self

    @model_validator(mode="after")
    def _labels_choose_their_images(self) -> Self:
        if self.ids and self.labelled:
            raise ValueError("'ids' chooses among images without labels: remove it, or the labels")
        return self

    @property
    def labelled(self) -> bool:
        return bool(self.annotations or self.masks)


class ClassEntry(Spec):
    """One class. A name alone is enough."""

    name: str
    """The name of the class."""
    id: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None
    """The number in masks and submissions. Default: the id of the COCO category of this name; for masks the
    position in the list.
    """
    colour: Colour | None = None
    """RGB, each 0 to 255. Default: a colour of the palette, by position."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class DatasetSpec(Spec):
    """A dataset. A split may be absent until a command needs it."""

    train: SplitSpec | None = None
    """The images to train on."""
    val: SplitSpec | None = None
    """The images to measure on: the best epoch, precision, weights."""
    predict: SplitSpec | None = None
    """The images of the submission. Default: those of `val`."""
    pseudo: PseudoSpec | None = None
    """More images to train on, labelled by `seg pseudo-label`. No fold holds them out."""
    group: GROUP_OR_PATTERN | None = None
    """Which images resemble one another, because they show one patient, slide, place, drive or day: a pattern
    on file names, a column of a table, or metadata. Folds, tuning and intervals keep a group together.
    Default: groups are looked for by names and near-duplicates.
    """
    classes: tuple[ClassEntry, ...] | None = Field(default=None, min_length=2, max_length=MAX_CLASSES)
    """The classes in order. Required for masks; for COCO the default is the categories by id."""
    unlabelled: str = UNLABELLED_IGNORED
    """`ignore`, or the class that unlabelled pixels belong to. A class that is not listed becomes the first.
    """
    unlabelled_values: tuple[PixelValue, ...] = (255,)
    """Mask values that count as unlabelled. By default 255, unless a class has that id."""

    @field_validator("classes")
    @classmethod
    def _distinct(cls, entries: tuple[ClassEntry, ...] | None) -> tuple[ClassEntry, ...] | None:
        names = [entry.name for entry in entries or ()]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"class {name!r} is named twice")
        ids = [entry.id for entry in entries or () if entry.id is not None]
        for number in ids:
            if ids.count(number) > 1:
                raise ValueError(f"two classes have the id {number}: give each its own")
        return entries

    @model_validator(mode="after")
    def _fits_into_a_byte(self) -> Self:
        if len(class_list(self.classes or (), self.unlabelled)) > MAX_CLASSES:
            raise ValueError(f"with {self.unlabelled!r} there are more than {MAX_CLASSES} classes")
        return self

    @model_validator(mode="after")
    def _mask_values_mean_one_thing(self) -> Self:
        if not self.has_masks:
            return self
        if self.classes is None:
            raise ValueError("mask folders name no classes: list them under 'classes'")
        name_of: dict[int, str] = {}
        for c in class_list(self.classes, self.unlabelled):
            if not 0 <= c.id <= 255:
                raise ValueError(f"class {c.name!r} has the id {c.id}: a mask's pixel values are 0..255")
            if c.id in name_of:
                raise ValueError(
                    f"classes {name_of[c.id]!r} and {c.name!r} both have the id {c.id}: give each its own"
                )
            name_of[c.id] = c.name
        if "unlabelled_values" in self.model_fields_set:
            self._refuse_labelled_and_unlabelled(name_of)
        return self

    def _refuse_labelled_and_unlabelled(self, name_of: dict[int, str]) -> None:
        for value in self.unlabelled_values:
            if name_of.get(value, self.unlabelled) != self.unlabelled:
                raise ValueError(
                    f"{value} is the id of class {name_of[value]!r} and among 'unlabelled_values':"
                    " it can be only one of them"
                )

    @property
    def has_masks(self) -> bool:
        return any(split.masks for split in (self.train, self.val, self.predict) if split)

    @property
    def ignores_unlabelled(self) -> bool:
        return self.unlabelled == UNLABELLED_IGNORED

    def background(self, classes: Sequence[ClassInfo]) -> int | None:
        """The label of unlabelled pixels, which pictures leave without colour, if it is a class's."""
        names = [c.name for c in classes]
        return names.index(self.unlabelled) if self.unlabelled in names else None

    @property
    def to_predict(self) -> SplitSpec:
        """The images that a submission is about: `predict`, or `val` where that is not given."""
        if self.predict or self.val:
            return self.predict or self.split("val")
        raise DataError("data: has no 'predict' split: add 'predict: { images: ... }'")

    def split(self, name: SplitName) -> SplitSpec:
        """The split of that name; `predict` is `val` where it is not given.

        Raises:
            DataError: the dataset has no such split.
        """
        found = self.to_predict if name == "predict" else getattr(self, name)
        if found is None:
            raise DataError(f"data: has no {name!r} split: add '{name}: {{ images: ... }}'")
        return found


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
    # Black is for a background: without one, the first class gets the first colour.
    first = 1 if unlabelled == UNLABELLED_IGNORED else 0
    return tuple(
        ClassInfo(id=number, name=name, colour=colour or default_colour(position))
        for position, (number, name, colour) in enumerate(numbered, start=first)
    )


def load_dataset(path: Path | str) -> DatasetSpec:
    """Read a dataset YAML; raises SpecError with the line of each mistake."""
    return load(DatasetSpec, Path(path))


def _dataset_or_its_path(value: Any, info: Any) -> Any:
    if isinstance(value, str):
        return load_dataset(path_beside(value, info))
    return value


DATASET_OR_PATH = BeforeValidator(_dataset_or_its_path, json_schema_input_type=str | DatasetSpec)
"""Marks a field that takes a dataset in place, or the path of a dataset YAML."""
