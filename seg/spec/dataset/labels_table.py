"""A table of run lengths in a dataset YAML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from seg.spec.base import LocalPath, Spec

TableColumn = Literal["id", "class", "runs"]


class LabelsTableSpec(Spec):
    """A CSV of run lengths. Its path alone is enough.

    A row is an image, or an image and a class. The class is in a column of its own, or at the end of the id
    (`0002cc93.jpg_1`), or each class has its own column. An image that is not in the table, and a class
    without runs, has no pixel.
    """

    file: LocalPath
    """The CSV."""
    columns: Mapping[TableColumn, str] = Field(default_factory=dict)
    """The names of the columns `id`, `class` and `runs`. Default: recognised."""
    order: Literal["columns", "rows"] = "columns"
    """Whether pixels are numbered down the columns or along the rows."""
    first: Literal[0, 1] = 1
    """The number of the first pixel."""

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str | Path) else value
