"""The output of `seg ensemble` in a spec: file, format, size, and a table's columns and runs."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from seg import ranges
from seg.spec.base import LocalPath, SizeHW, Spec, number_within
from seg.spec.dataset.id_pattern import IdPattern, parse_id_pattern
from seg.terminal.notices import notice

Format = Literal[
    "kaggle",
    "kaggle-per-image",
    "pixels",
    "coco",
    "coco-panoptic",
    "png",
    "class-png",
    "npz",
    "geotiff",
    "geojson",
]
RLE_FORMATS: tuple[Format, ...] = ("kaggle", "kaggle-per-image")
FOLDER_FORMATS: tuple[Format, ...] = ("coco-panoptic", "png", "class-png", "geotiff", "geojson")
VALUE_FORMATS: tuple[Format, ...] = ("png", "npz", "geotiff")
"""Those whose files hold a pixel value for each pixel."""

ONE_CLASS_FORMATS: tuple[Format, ...] = ("pixels", "coco-panoptic")
"""Those in which a pixel has one class."""

TABLE_FORMATS: tuple[Format, ...] = (*RLE_FORMATS, "pixels")

FULL_SIZE_FORMATS: tuple[Format, ...] = (*TABLE_FORMATS, "coco", "coco-panoptic", "geojson")
"""Those that are about pixels of the full resolution, whatever the resolution that is predicted at."""

Values = Literal["ids", "positions"]
EmptyText = Literal["", "-", "-1", "1 0", "drop"]
"""What the pixel values of a label map are: class ids, or positions in the class list, from 0."""


def format_of_name(name: str) -> Format:
    """The format that an output's name asks for: `.csv`, `.json`, `.npz`, or a folder of label maps.

    Raises:
        ValueError: it has another ending.
    """
    formats: dict[str, Format] = {".csv": "kaggle", ".json": "coco", ".npz": "npz", "": "png"}
    suffix = "" if name.endswith(("/", os.sep)) else Path(name).suffix.lower()
    if suffix not in formats:
        raise ValueError(f"{name}: no format is known by {suffix}: use .csv, .json, .npz or a folder")
    return formats[suffix]


def suffix_of_format(name: Format) -> str:
    """The ending of a file in a format; empty where that is a folder."""
    match name:
        case "coco":
            return ".json"
        case "npz":
            return ".npz"
    return "" if name in FOLDER_FORMATS else ".csv"


class RleSpec(Spec):
    """How run lengths are written."""

    order: Literal["columns", "rows"] = "columns"
    """Whether pixels are numbered down the columns or along the rows."""
    first: Literal[0, 1] = 1
    """The number of the first pixel."""


ColumnName = Annotated[str, Field(min_length=1)]
ClassText = Annotated[int, Field(strict=True)] | Annotated[str, Field(strict=True, min_length=1)]


_CONTEST_KEYS: Final = frozenset({"sample", "columns", "id", "classes", "drop", "empty"})
"""Those that describe the CSV of one contest."""

_FORMATS_OF_KEY: Final[Mapping[str, tuple[Format, ...]]] = {
    "rle": RLE_FORMATS,
    "classes": RLE_FORMATS,
    "drop": RLE_FORMATS,
    "empty": RLE_FORMATS,
    "sample": TABLE_FORMATS,
    "columns": TABLE_FORMATS,
    "id": TABLE_FORMATS,
    "values": VALUE_FORMATS,
    "simplify": ("geojson",),
}
"""The formats in which a key has a meaning; keys that are not here have one in all."""


class OutputSpec(Spec):
    """The submission."""

    file: LocalPath = Field(default=Path("submission.csv"), validate_default=True)
    """The file to write; for `png`, `class-png`, `geotiff`, `geojson` and `coco-panoptic` a folder."""
    format: Format = "kaggle"
    """The submission format."""
    rle: RleSpec = RleSpec()
    """How run lengths are written. For `kaggle` and `kaggle-per-image`."""
    size: SizeHW | None = None
    """Height and width of the label maps. Default: each image's own size."""
    sample: LocalPath | None = None
    """The contest's sample submission, a CSV. Its header, columns, ids, classes and rows are kept. If it has
    only a header, rows follow the images.
    """
    columns: Annotated[tuple[ColumnName, ...], Field(min_length=2)] | None = None
    """The header of a CSV, without a sample: the column of ids, that of run lengths or pixels (or one for
    each class, named like it), and perhaps one of classes (`ClassId`, `class`).
    """
    id: IdPattern | None = None
    """The id of an image in a CSV: text with `{name}` (the image's id in seg), `{stem}`, `{file_name}` (with
    folder and ending, as a COCO JSON gives it), or parts of its path, as in `case{c}_day{d}_slice_{s}`. It
    ends with `_{class}` if a row's id names its class. Default: `{name}`, and `{name}_{class}` in a column
    that is named so, such as `ImageId_ClassId`.
    """
    classes: Annotated[tuple[ClassText, ...], Field(min_length=1)] | None = None
    """The classes with rows or columns in a CSV, by id or by name, which is also what the CSV calls them."""
    empty: EmptyText = ""
    """The run lengths of a class without pixels. `drop` writes no row. Default: what the rows of `sample`
    show, or else an empty text.
    """
    drop: tuple[str, ...] = ()
    """Names of classes without rows or columns in a CSV, such as the background."""
    values: Values = "ids"
    """Pixel values of `png`, `npz` and `geotiff`: class ids, or positions in the class list, from 0."""
    simplify: Annotated[float, number_within(ranges.SIMPLIFY_PIXELS)] = 0.0
    """Pixels by which the outlines of `geojson` may be moved so that they have fewer corners. Default: they
    follow the edges of pixels.
    """

    def keys_in_format(self, name: Format) -> dict[str, Any]:
        """The keys that were given and have a meaning in a format; those of a contest only in their own."""
        return {
            key: getattr(self, key)
            for key in self.model_fields_set - {"format"}
            if name in _FORMATS_OF_KEY.get(key, (name,)) and (name == self.format or key not in _CONTEST_KEYS)
        } | {"format": name}

    @model_validator(mode="before")
    @classmethod
    def _empty_was_in_rle(cls, values: Any) -> Any:
        rle = values.get("rle") if isinstance(values, dict) else None
        if not isinstance(rle, dict) or "empty" not in rle:
            return values
        notice("output.rle.empty is now output.empty: the old name goes in the next release")
        rest = {key: value for key, value in rle.items() if key != "empty"}
        return {"empty": rle["empty"], **values, "rle": rest}

    @field_validator("file")
    @classmethod
    def _has_a_name(cls, file: Path) -> Path:
        if not file.name:
            raise ValueError(f"{file} is the root of all files: name one that is to be written")
        return file

    @model_validator(mode="after")
    def _keys_apply_to_the_format(self) -> Self:
        for key, formats in _FORMATS_OF_KEY.items():
            if key in self.model_fields_set and self.format not in formats:
                raise ValueError(f"{key!r} has no meaning for format {self.format}: remove it")
        return self

    @model_validator(mode="after")
    def _keys_do_not_contradict(self) -> Self:
        if self.size and self.format == "geojson":
            raise ValueError("outlines of format geojson are in pixels of the image: remove 'size'")
        if self.sample and self.columns:
            raise ValueError("'sample' has the columns: remove 'columns', or 'sample'")
        if self.classes and self.drop:
            raise ValueError("'classes' names all classes with rows: remove 'drop', or 'classes'")
        for key, names in (("columns", self.columns), ("classes", self.classes), ("drop", self.drop)):
            if doubled := next((name for name in names or () if (names or ()).count(name) > 1), None):
                raise ValueError(f"{key!r} names {doubled!r} twice: name it once")
        if self.id and parse_id_pattern(self.id).class_separator and self.format not in RLE_FORMATS:
            raise ValueError(f"a row of format {self.format} has all classes: remove '{{class}}' from 'id'")
        if self.empty == "drop" and self.format == "kaggle-per-image":
            raise ValueError("a row for each image has all classes: 'empty' is '', '-', '-1' or '1 0' there")
        return self
