"""The classes that a dataset lists, and their numbers."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, model_validator

from seg.labels.classes import ClassInfo, Colour, default_colour
from seg.labels.task import Task, classes_overlap
from seg.spec.base import Spec

UNLABELLED_IGNORED = "ignore"
"""What `unlabelled` says of pixels that are of no class, and are left out."""

ClassId = Annotated[int, Field(ge=-(2**31), lt=2**31)]
"""The number of a class in masks, annotations and submissions."""

ClassName = Annotated[str, Field(min_length=1)]


class ClassEntry(Spec):
    """One class. A name alone is enough."""

    name: ClassName
    """The name of the class."""
    id: ClassId | None = None
    """The number in masks and submissions. Default: the id of the COCO category of this name; for masks the
    position in the list, from 0, or from 1 if classes may overlap.
    """
    colour: Colour | None = None
    """RGB, each 0 to 255. Default: a colour of the palette, by position."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


def refuse_repeated_classes(entries: Sequence[ClassEntry]) -> None:
    """Raise ValueError if two classes have the same name or the same id."""
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"class {name!r} is named twice")
    ids = [entry.id for entry in entries if entry.id is not None]
    for number in ids:
        if ids.count(number) > 1:
            raise ValueError(f"two classes have the id {number}: give each its own")


def numbered_classes(entries: tuple[ClassEntry, ...], unlabelled: str, task: Task) -> tuple[ClassInfo, ...]:
    """Turn entries into classes: ids by position where none is given, colours by position.

    Where classes overlap, positions count from 1, since 0 in a mask is of no class.

    The class `unlabelled` is put first, with id 0 or the first free number, if no entry bears its
    name.
    """
    numbered = [
        (position if entry.id is None else entry.id, entry.name, entry.colour)
        for position, entry in enumerate(entries, start=int(classes_overlap(task)))
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
