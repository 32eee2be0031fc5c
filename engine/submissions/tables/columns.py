"""The columns of a CSV told by their names: ids, classes, run lengths or pixel values, and others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from seg.data.tables.column_names import NAMES, known_column, plain_column_name
from seg.errors import DataError


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The positions of columns, and the classes that columns are named after, if they are.

    Attributes:
        others: what a contest says of each row, such as an image's height; only its sample knows them.
    """

    id: int
    values: tuple[int, ...]
    row_class: int | None = None
    classes: tuple[str, ...] = ()
    others: tuple[int, ...] = ()


def find_table_columns(place: str, header: Sequence[str], class_names: Collection[str]) -> TableColumns:
    """The columns of a header.

    A column named like a class has the run lengths of that class. The column of ids is known by its name, or
    is the first; of three columns or more one may name the class. Where there are others, run lengths and ids
    are known by the names of their columns.

    Raises:
        DataError: they cannot be told apart.
    """
    if len(set(header)) < len(header):
        raise DataError(f"{place}: two columns have one name: {_header_text(header)}")
    of_classes = [at for at, name in enumerate(header) if name in class_names]
    if of_classes and len(of_classes) == len(header) - 1:
        (of_ids,) = set(range(len(header))) - set(of_classes)
        return TableColumns(of_ids, tuple(of_classes), classes=tuple(header[at] for at in of_classes))
    row_class = known_column(header, "class") if len(header) > 2 else None
    left = [at for at in range(len(header)) if at != row_class]
    named, of_runs = known_column(header, "id"), known_column(header, "runs")
    if len(left) > 2 and not of_classes and named is not None and of_runs is not None:
        others = tuple(at for at in left if at not in (named, of_runs))
        return TableColumns(named, (of_runs,), row_class, others=others)
    if len(left) != 2 or of_classes:
        raise DataError(
            f"{place}: its columns are {_header_text(header)}, but known are an id, run lengths or pixels,"
            " and perhaps a class (named class, ClassId, label or category); or an id and a column named"
            f" after each class ({', '.join(class_names)})"
        )
    of_ids = left[0] if named is None else named
    return TableColumns(of_ids, tuple(at for at in left if at != of_ids), row_class)


def is_named_like_classes(column: str) -> bool:
    """Whether a column of ids is named as if its ids named classes, too, such as `ImageId_ClassId`."""
    plain = plain_column_name(column)
    return ("class" in plain or "label" in plain) and plain not in NAMES["class"]


def _header_text(header: Sequence[str]) -> str:
    return repr(",".join(header)[:60])
