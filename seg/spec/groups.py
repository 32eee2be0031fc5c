"""Groups of images that resemble one another: frames of a drive, slices of a patient, tiles of a slide."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, field_validator, model_validator

from seg.spec.base import LocalPath, Spec

Metadata = Literal["camera", "day"]


class GroupSpec(Spec):
    """What tells the group of an image: one of three. A string is a pattern."""

    pattern: str | None = None
    """A regular expression, searched in the file's name, or in its path if the expression has a `/`. Images
    with the same match, or the same first group in parentheses, belong together.
    """
    column: str | None = None
    """The name of a column of the table `table`."""
    table: LocalPath | None = None
    """A CSV with a header. Its first column has ids or file names of images."""
    metadata: Metadata | None = None
    """EXIF data: `camera` (make, model and serial number) or `day`."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.column is None) != (self.table is None):
            raise ValueError("'column' and 'table' belong together: give both")
        given = [name for name in ("pattern", "column", "metadata") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"takes one of pattern, column or metadata, got {' and '.join(given) or 'none'}")
        return self


def _pattern_alone(value: Any) -> Any:
    return {"pattern": value} if isinstance(value, str) else value


GROUP_OR_PATTERN = Annotated[
    GroupSpec, BeforeValidator(_pattern_alone, json_schema_input_type=str | GroupSpec)
]
"""A field that takes a group spec, or a pattern alone."""
