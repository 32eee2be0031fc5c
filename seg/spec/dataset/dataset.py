"""The dataset's own YAML: where images and labels lie, the classes, what unlabelled pixels mean."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    FiniteFloat,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from seg import ranges
from seg.errors import DataError
from seg.labels.classes import ClassInfo, Colour
from seg.labels.label_map import MAX_CLASSES
from seg.labels.task import Task
from seg.pixel_range import MAX_BANDS, Band, Percent, PixelRange, Window
from seg.read_scale import ReadScale
from seg.spec.base import Spec, existing_file_beside, number_within, path_beside
from seg.spec.class_lists import PRESETS, read_class_list
from seg.spec.class_lists.unlabelled import MAX_PIXEL_VALUE, UNLABELLED_VALUES, without_unlabelled_classes
from seg.spec.dataset.class_checks import (
    refuse_ambiguous_mask_values,
    refuse_classes_beyond_task,
    refuse_masks_of_other_classes,
)
from seg.spec.dataset.class_entry import (
    UNLABELLED_IGNORED,
    ClassEntry,
    ClassName,
    refuse_repeated_classes,
)
from seg.spec.dataset.groups import GROUP_OR_PATTERN
from seg.spec.dataset.held_out import HeldOutBlocksSpec, HeldOutImagesSpec, ValSplit
from seg.spec.dataset.pseudo import PseudoSpec
from seg.spec.dataset.split import SplitSpec
from seg.spec.dataset.stack import StackSpec
from seg.spec.yaml.source import load_yaml

SplitName = Literal["train", "val", "predict"]
PixelValue = Annotated[int, Field(ge=0, le=MAX_PIXEL_VALUE)]

_CLASSES_OR_THEIR_FILE: Final = BeforeValidator(lambda value: value, json_schema_input_type=str | list[Any])


class DatasetSpec(Spec):
    """A dataset. A split may be absent until a command needs it."""

    train: SplitSpec | None = None
    """The images to train on."""
    val: ValSplit = None
    """The images to measure on: the best epoch, precision, weights. Or a share of `train`, such as 0.2; or
    blocks of its images, such as `{ tiles: 0.2, block: 2048 }`.
    """
    predict: SplitSpec | None = None
    """The images of the submission. Default: those of `val`; of blocks, the whole images."""
    pseudo: PseudoSpec | None = None
    """More images to train on, labelled by `seg pseudo-label`. No fold holds them out."""
    group: GROUP_OR_PATTERN | None = None
    """Which images resemble one another, because they show one patient, slide, place, drive or day: a pattern
    on file names, a column of a table, or metadata. Folds, tuning and intervals keep a group together.
    Default: groups are looked for by names and near-duplicates.
    """
    task: Task = "multiclass"
    """`multiclass`: a pixel has one class. `multilabel`: classes may overlap, and a pixel may have none.
    `binary`: the same with one class. There 0 and black in masks are of no class, and what counts as
    unlabelled is ignored.
    """
    classes: Annotated[tuple[ClassEntry, ...] | None, _CLASSES_OR_THEIR_FILE] = Field(
        default=None, min_length=1, max_length=MAX_CLASSES
    )
    """The classes in order; or a file of them (`label_colors.txt`, `class_dict.csv`, `labelmap.txt`,
    `_classes.csv`, `objectInfo150.txt`, `data.yaml`, `meta.json`), or `voc` or `cityscapes`. Required for
    masks and tables; for COCO the default is the categories by id.
    """
    unlabelled: ClassName = UNLABELLED_IGNORED
    """`ignore`, or the class that unlabelled pixels belong to. A class that is not listed becomes the first.
    """
    unlabelled_values: tuple[PixelValue, ...] = UNLABELLED_VALUES
    """Mask values that count as unlabelled. By default 255, unless a class has that id."""
    unlabelled_colours: tuple[Colour, ...] = ()
    """Colours of colour-coded masks that count as unlabelled."""
    unlabelled_classes: tuple[str, ...] = ()
    """Entries of `classes` that are no classes to learn: their ids and colours count as unlabelled."""

    bands: Annotated[tuple[Band, ...], Field(min_length=1, max_length=MAX_BANDS)] | None = None
    """Of images with other bands than red, green and blue, or with more than 8 bits: those that networks see,
    in this order. The first is 1. Default: all. A recipe may name others.
    """
    range: tuple[FiniteFloat, FiniteFloat] | None = None
    """Of such images: the values that become 0 and 1, such as `[0, 10000]`. Values beyond are clipped. It is
    part of the exported model, as `window` is.
    """
    percentile: tuple[Percent, Percent] | None = None
    """The same, by percentiles of each band of each image, such as `[1, 99]`. Images are brought to 0..1 when
    they are read, since a model sees tiles: whoever runs the model without seg must do so, too.
    """
    window: Window | None = None
    """The same, by a window: `{ level: 40, width: 400 }`."""
    rgb: tuple[Band, Band, Band] | None = None
    """The bands that pictures show as red, green and blue. Default: the first three that networks see."""
    stack: StackSpec | None = None
    """2.5-d: the bands of neighbouring slices make one image."""
    resolution: Annotated[float, number_within(ranges.PIXEL_SIZE)] | None = None
    """The side of a pixel at which images are read, trained on and predicted: micrometres of slides, such as
    0.5, metres of georeferenced images. Labels are those of the full resolution, and are scaled with them.
    Default: as the file is.
    """
    level: Annotated[int, number_within(ranges.LEVEL)] | None = None
    """Instead of a `resolution`: the level of each file's pyramid, from 0."""
    pixel_size: Annotated[float, number_within(ranges.PIXEL_SIZE)] | None = None
    """For `resolution`: the side of a pixel of all files at their full resolution, in the same unit. Default:
    by their metadata.
    """

    @model_validator(mode="before")
    @classmethod
    def _known_classes_only(cls, values: Any) -> Any:
        """Classes without those that count as unlabelled."""
        if isinstance(values, dict) and _is_list_of_class_names(values.get("unlabelled_classes")):
            return without_unlabelled_classes(values)
        return values

    @model_validator(mode="wrap")
    @classmethod
    def _classes_of_preset_or_file(
        cls, values: Any, validate: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """Classes read from their file, which the dataset then knows."""
        listed = values.get("classes") if isinstance(values, dict) else None
        if not isinstance(listed, str | Path):
            return validate(values)
        if str(listed) in PRESETS:
            return validate({**values, "classes": PRESETS[str(listed)]})
        file = path_beside(listed, info)
        return validate({**values, "classes": read_class_list(file)}).with_values_from(file)

    @field_validator("classes")
    @classmethod
    def _distinct(cls, entries: tuple[ClassEntry, ...] | None) -> tuple[ClassEntry, ...] | None:
        refuse_repeated_classes(entries or ())
        return entries

    @model_validator(mode="after")
    def _classes_fit_task_and_labels(self) -> Self:
        refuse_classes_beyond_task(self)
        refuse_masks_of_other_classes(self)
        refuse_ambiguous_mask_values(self)
        return self

    @model_validator(mode="after")
    def _one_pixel_range(self) -> Self:
        try:
            _ = self.pixel_range
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
        for name in ("rgb", "stack"):
            if getattr(self, name) is not None and self.pixel_range is None:
                raise ValueError(f"{name!r} is for images with a 'range', 'percentile' or 'window': add one")
        return self

    @property
    def pixel_range(self) -> PixelRange | None:
        """The bands that networks see and their values; None if images are read as RGB of 8 bits."""
        given = {name: getattr(self, name) for name in PixelRange.model_fields}
        return PixelRange(**given) if any(value is not None for value in given.values()) else None

    @model_validator(mode="after")
    def _one_scale(self) -> Self:
        if self.resolution is not None and self.level is not None:
            raise ValueError("'resolution' and 'level' exclude each other: keep one")
        if self.pixel_size is not None and self.resolution is None:
            raise ValueError("'pixel_size' is for a 'resolution': add one, or remove it")
        for name in ("stack", "pseudo"):
            if self.read_scale and getattr(self, name) is not None:
                raise ValueError(f"{name!r} is for images as they are: remove 'resolution' and 'level'")
        return self

    @property
    def read_scale(self) -> ReadScale | None:
        """The scale at which images are read; None if that is how they are."""
        if self.resolution is None and self.level is None:
            return None
        return ReadScale(self.resolution, self.level, self.pixel_size)

    @model_validator(mode="after")
    def _a_share_of_something(self) -> Self:
        if isinstance(self.val, HeldOutImagesSpec | HeldOutBlocksSpec) and self.train is None:
            raise ValueError("'val' is a share of the training images: add 'train: { images: ... }'")
        return self

    @property
    def has_images(self) -> bool:
        return any(split is not None for split in (self.train, self.val, self.predict))

    @property
    def has_masks(self) -> bool:
        return any(split.masks for split in self.listed_splits)

    @property
    def listed_splits(self) -> tuple[SplitSpec, ...]:
        """The splits that name their images; a share of another does not."""
        return tuple(s for s in (self.train, self.val, self.predict) if isinstance(s, SplitSpec))

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
        """The split of that name; `predict` is `val` where it is not given, and a share is that of `train`.

        Raises:
            DataError: the dataset has no such split.
        """
        found = self.to_predict if name == "predict" else getattr(self, name)
        if isinstance(found, HeldOutImagesSpec | HeldOutBlocksSpec):
            found = self.train
        if found is None:
            raise DataError(f"data: has no {name!r} split: add '{name}: {{ images: ... }}'")
        return found


def _is_list_of_class_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(name, str) for name in value)


def load_dataset(path: Path | str) -> DatasetSpec:
    """Read a dataset YAML; raises SpecError with the line of each mistake."""
    return load_yaml(DatasetSpec, Path(path))


def _dataset_or_its_path(value: Any, info: Any) -> Any:
    if isinstance(value, str):
        return load_dataset(existing_file_beside(value, info))
    return value


DATASET_OR_PATH = BeforeValidator(_dataset_or_its_path, json_schema_input_type=str | DatasetSpec)
"""Marks a field that takes a dataset in place, or the path of a dataset YAML."""
