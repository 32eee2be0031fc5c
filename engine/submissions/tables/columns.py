"""The columns of a CSV told by their names: ids, classes, and run lengths or pixel values."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from seg.errors import DataError

_IDS: Final = frozenset(
    {"image", "imageclass", "imagelabel", "idclass", "img", "imagename", "filename", "file", "name", "fname"}
)
_CLASSES: Final = frozenset({"class", "classid", "classname", "category", "categoryid", "label", "labelid"})


@dataclass(frozen=True, slots=True)
class Columns:
    """The positions of columns, and the classes that columns are named after, if they are."""

    id: int
    values: tuple[int, ...]
    row_class: int | None = None
    classes: tuple[str, ...] = ()


def find_columns(place: str, header: Sequence[str], class_names: Collection[str]) -> Columns:
    """The columns of a header.

    A column named like a class has the run lengths of that class. The column of ids is known by its name, or
    is the first; of three columns one names the class.

    Raises:
        DataError: they cannot be told apart.
    """
    if len(set(header)) < len(header):
        raise DataError(f"{place}: two columns have one name: {_shown(header)}")
    of_classes = [at for at, name in enumerate(header) if name in class_names]
    if len(of_classes) == len(header) - 1:
        (of_ids,) = set(range(len(header))) - set(of_classes)
        return Columns(of_ids, tuple(of_classes), classes=tuple(header[at] for at in of_classes))
    row_class = None
    if len(header) == 3:
        row_class = _first_named(header, _CLASSES)
    if len(header) != (2 if row_class is None else 3) or of_classes:
        raise DataError(
            f"{place}: its columns are {_shown(header)}, but known are an id, run lengths or pixels, and"
            " perhaps a class (named class, ClassId, label or category); or an id and a column named after"
            f" each class ({', '.join(class_names)})"
        )
    others = [at for at in range(len(header)) if at != row_class]
    named = [at for at in others if _key(header[at]) in _IDS or _key(header[at]).endswith("id")]
    of_ids = named[0] if named else others[0]
    return Columns(of_ids, tuple(at for at in others if at != of_ids), row_class)


def names_class(column: str) -> bool:
    """Whether a column of ids is named as if its ids named classes, too, such as `ImageId_ClassId`."""
    return ("class" in _key(column) or "label" in _key(column)) and _key(column) not in _CLASSES


def _first_named(header: Sequence[str], names: Collection[str]) -> int | None:
    return next((at for at, name in enumerate(header) if _key(name) in names), None)


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _shown(header: Sequence[str]) -> str:
    return repr(",".join(header)[:60])
