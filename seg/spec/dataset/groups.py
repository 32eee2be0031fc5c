"""Groups of images that resemble one another: frames of a drive, slices of a patient, tiles of a slide."""

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from seg.spec.base import LocalPath, Spec

Metadata = Literal["camera", "day"]

_PLACEHOLDER: Final = re.compile(r"\{[A-Za-z_]\w*\}")


def has_group_placeholders(pattern: str) -> bool:
    """Whether it is a pattern such as `{patient}_*`. Braces of a regular expression hold numbers."""
    return _PLACEHOLDER.search(pattern) is not None


def _check_group_pattern(pattern: str) -> str:
    if not has_group_placeholders(pattern):
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(
                f"{pattern!r} has no placeholder, and is no regular expression: {error}"
            ) from error
    return pattern


GroupPattern = Annotated[str, AfterValidator(_check_group_pattern)]
"""A pattern with placeholders, or a regular expression, that tells the group of an image."""


class GroupSpec(Spec):
    """What tells the group of an image: one of three. A string is a pattern."""

    pattern: GroupPattern | None = None
    """A pattern of the file's name, or of its path if the pattern has a `/`: with placeholders such as
    `{patient}_*`, or a regular expression. Images with the same text for the placeholders, or the same match
    (of the first parentheses), belong together.
    """
    column: str | None = None
    """The name of a column of the table `table`."""
    table: LocalPath | None = None
    """A CSV with a header. Its first column has ids or file names of images."""
    metadata: Metadata | None = None
    """EXIF data: `camera` (make, model and serial number) or `day`."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.column is None) != (self.table is None):
            raise ValueError("'column' and 'table' belong together: give both")
        given = [name for name in ("pattern", "column", "metadata") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"takes one of pattern, column or metadata, got {' and '.join(given) or 'none'}")
        return self


def _group_pattern_alone(value: Any) -> Any:
    return {"pattern": value} if isinstance(value, str) else value


GROUP_OR_PATTERN = Annotated[
    GroupSpec, BeforeValidator(_group_pattern_alone, json_schema_input_type=str | GroupSpec)
]
"""A field that takes a group spec, or a pattern alone."""
