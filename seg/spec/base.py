"""What all specs share: strict fields, paths relative to the YAML file, sizes, near names."""

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
)

from seg import ranges
from seg.files import file_names

_MOST_LISTED: Final = 12
_OTHER_WORDS: Final = {"gpu": "cuda", "nvidia": "cuda", "trt": "tensorrt"}
"""What others call things, and how they are named here."""


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """A question for the end of a message, or a list where nothing is near."""
    known = {candidate.lower(): candidate for candidate in sorted(candidates)}
    wanted = _OTHER_WORDS.get(name.lower(), name.lower())
    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean {known[near[0]]!r}?"
    more = [f"{len(known) - _MOST_LISTED} more"] if len(known) > _MOST_LISTED else []
    return f"known: {', '.join([*list(known.values())[:_MOST_LISTED], *more])}"


def line_in_yaml(line: int, info: ValidationInfo) -> str:
    """`FILE:LINE` for a line (from 0) of the YAML that is read."""
    return f"{(info.context or {}).get('file', 'YAML')}:{line + 1}"


@dataclass(frozen=True, slots=True)
class _Origin:
    """The files that a spec was read from. Specs of the same keys are equal, wherever they were read.

    Attributes:
        file: its YAML.
        lists: files that values of its keys were read from, such as a class list.
    """

    file: Path | None = field(default=None, compare=False)
    lists: tuple[Path, ...] = field(default=(), compare=False)


class Spec(BaseModel):
    """Base of all specs: immutable, and an unknown key is an error.

    The docstring below a field is its description, in editors and in the reference of the docs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    _origin: _Origin = PrivateAttr(_Origin())

    @property
    def yaml_file(self) -> Path | None:
        """The YAML that it was read from; none of a spec within another, or without a file."""
        return self._origin.file

    @property
    def source_files(self) -> tuple[Path, ...]:
        """The files that it was read from: its YAML, and lists that stand for values of its keys."""
        return (*([self.yaml_file] if self.yaml_file else []), *self._origin.lists)

    def read_from(self, path: Path) -> Self:
        """The same, which knows its YAML."""
        self._origin = replace(self._origin, file=path.absolute())
        return self

    def with_values_from(self, path: Path) -> Self:
        """The same, which knows a file that values of its keys were read from."""
        self._origin = replace(self._origin, lists=(*self._origin.lists, path.absolute()))
        return self

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[str(info.field_name)].annotation
        if _has_truth_value(value) and not _takes_truth_values(annotation):
            raise ValueError("cannot be true or false")
        return value


def _has_truth_value(value: Any) -> bool:
    """Whether it is true or false, or a list or mapping of such."""
    if isinstance(value, dict):
        return any(map(_has_truth_value, value.values()))
    return any(map(_has_truth_value, value)) if isinstance(value, list) else isinstance(value, bool)


def _takes_truth_values(annotation: Any) -> bool:
    """Whether some part of an annotation takes true and false, or a spec that decides itself."""
    if annotation in (bool, Any, object):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return any(map(_takes_truth_values, get_args(annotation)))


def number_within(bounds: ranges.Range | ranges.WholeRange) -> Any:
    """The field of a number in a range, which also leaves out what is not finite."""
    return Field(ge=bounds.least, le=bounds.most)


def path_beside(value: str | Path, info: ValidationInfo) -> Path:
    """A path relative to the folder of the YAML that is read.

    Raises:
        ValueError: it is empty, has a name that no file can have, or begins with the `~` of nobody.
    """
    folder: Path = (info.context or {}).get("folder", Path())
    if not str(value):
        raise ValueError("is empty: name a file or a folder")
    if any(len(part.encode(errors="replace")) > file_names.LONGEST for part in Path(value).parts):
        raise ValueError(f"has a name of more than {file_names.LONGEST} bytes: no file can: correct it")
    try:
        return Path(os.path.normpath((folder / Path(value).expanduser()).absolute()))
    except RuntimeError as error:
        raise ValueError(f"there is no user of that home folder: {str(value)!r}") from error


def existing_file_beside(value: str | Path, info: ValidationInfo) -> Path:
    """The same of a file that has to be there; raises ValueError where it is not."""
    path = path_beside(value, info)
    if not os.path.lexists(path):
        raise ValueError(f"there is no file {str(path)!r}: correct its path")
    return path


def _path_value_beside(value: Any, info: ValidationInfo) -> Any:
    return path_beside(value, info) if isinstance(value, str | Path) else value


LocalPath = Annotated[Path, BeforeValidator(_path_value_beside, json_schema_input_type=str)]
"""A path, relative to the folder of the YAML file that holds it."""


def one_or_several(kind: Any) -> Any:
    """Marks a field of several values that takes one alone, too; `kind` is that of one, for editors."""

    def as_tuple(value: Any) -> Any:
        return (value,) if isinstance(value, str | Path) else value

    return BeforeValidator(as_tuple, json_schema_input_type=kind | tuple[kind, ...])


def _size_hw_of_value(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    if isinstance(value, str):
        height, cross, width = value.lower().partition("x")
        if cross and height.strip().isdigit() and width.strip().isdigit():
            return (int(height), int(width))
        raise ValueError(f"a size is a number, [height, width] or HEIGHTxWIDTH, got {value!r}")
    return value


_AS_SIZE: Final = BeforeValidator(_size_hw_of_value, json_schema_input_type=int | str | tuple[int, int])
_Side = Annotated[int, number_within(ranges.IMAGE_SIDE)]
_NetworkSide = Annotated[int, number_within(ranges.NETWORK_SIDE)]

SizeHW = Annotated[tuple[_Side, _Side], _AS_SIZE]
"""Height and width in pixels; written `512`, `[360, 480]` or `360x480`."""

NetworkSizeHW = Annotated[tuple[_NetworkSide, _NetworkSide], _AS_SIZE]
"""The same of what a network takes at once."""

Seed = Annotated[int, number_within(ranges.SEED)]
Temperature = Annotated[float, number_within(ranges.TEMPERATURE)]

PositiveWeight = Annotated[float, number_within(ranges.WEIGHT)]


def _zero_or_weight(value: float) -> float:
    least, most = ranges.WEIGHT
    if value and not least <= value <= most:
        raise ValueError(f"is 0, or from {least:g} to {most:g}, got {value:g}")
    return value


Weight = Annotated[float, AfterValidator(_zero_or_weight)]
"""0, or a positive weight."""
