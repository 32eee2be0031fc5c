"""What `seg ensemble` writes."""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from seg.spec.base import LocalPath, SizeHW, Spec

Format = Literal["kaggle", "kaggle-per-image", "pixels", "coco", "coco-panoptic", "png", "npz", "geotiff"]
RLE_FORMATS: tuple[Format, ...] = ("kaggle", "kaggle-per-image")
FOLDER_FORMATS: tuple[Format, ...] = ("coco-panoptic", "png", "geotiff")
VALUE_FORMATS: tuple[Format, ...] = ("png", "npz", "geotiff")
"""Those whose files hold a pixel value for each pixel."""

TABLE_FORMATS: tuple[Format, ...] = (*RLE_FORMATS, "pixels")

Values = Literal["ids", "positions"]
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
    empty: Literal["", "-1", "drop"] = ""
    """The text for a class without pixels. `drop` writes no row."""


class OutputSpec(Spec):
    """The submission."""

    file: LocalPath = Field(default=Path("submission.csv"), validate_default=True)
    """The file to write; for `png`, `geotiff` and `coco-panoptic` a folder."""
    format: Format = "kaggle"
    """The submission format."""
    rle: RleSpec = RleSpec()
    """How run lengths are written. For `kaggle` and `kaggle-per-image`."""
    size: SizeHW | None = None
    """Height and width of the label maps. Default: each image's own size."""
    sample: LocalPath | None = None
    """The contest's sample submission, a CSV. Its header, columns, ids and row order are kept."""
    values: Values = "ids"
    """Pixel values of `png`, `npz` and `geotiff`: class ids, or positions in the class list, from 0."""

    @field_validator("file")
    @classmethod
    def _has_a_name(cls, file: Path) -> Path:
        if not file.name:
            raise ValueError(f"{file} is the root of all files: name one that is to be written")
        return file

    @model_validator(mode="after")
    def _what_is_said_has_a_meaning(self) -> Self:
        if "rle" in self.model_fields_set and self.format not in RLE_FORMATS:
            raise ValueError(f"'rle' has no meaning for format {self.format}: remove it")
        if "values" in self.model_fields_set and self.format not in VALUE_FORMATS:
            raise ValueError(f"'values' has no meaning for format {self.format}: remove it")
        if self.sample and self.format not in TABLE_FORMATS:
            raise ValueError(f"'sample' has no meaning for format {self.format}: remove it")
        if self.rle.empty == "drop" and self.format == "kaggle-per-image":
            raise ValueError("a row for each image has all classes: 'rle.empty' is '' or '-1' there")
        if self.sample and self.rle.empty == "drop":
            raise ValueError("the sample's rows are all wanted: 'rle.empty' is '' or '-1' with it")
        return self
