"""The rows of a table of run lengths: an image's name, a class, and its runs; the columns are recognised."""

import csv
import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from seg.data.images.image_files import bytes_of_file
from seg.data.tables.column_names import known_column
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.spec.base import did_you_mean
from seg.spec.dataset.labels_table import LabelsTableSpec, TableColumn


class LabelTableRow(NamedTuple):
    """A class's runs in an image; `image` is what the table calls it."""

    line: int
    image: str
    label: int
    runs: str


def read_label_table_rows(
    spec: LabelsTableSpec, classes: Sequence[ClassInfo], background: int | None
) -> list[LabelTableRow]:
    """All rows, in the order of the file; a row with a column for each class becomes several.

    Args:
        classes: the classes of the dataset, of which a row's is one by name or id.
        background: the label of unlabelled pixels, if it is a class's.

    Raises:
        DataError: the file cannot be read, a column is missing, or a class is unknown.
    """
    lines = list(read_csv_lines(spec.file))
    if not lines:
        raise DataError(f"{spec.file}: is empty: a header and a row an image are expected")
    (_, header), *rows = lines
    label_of = _labels_by_class_name(classes)
    image_column = _required_column(spec, header, "id")
    by_class = {place: label_of[name] for place, name in enumerate(header) if name in label_of}
    runs_column = column_of_table(spec, header, "runs")
    if runs_column is None and by_class:
        return [
            LabelTableRow(line, row[image_column], label, row[place])
            for line, row in rows
            for place, label in by_class.items()
        ]
    runs_column = _required_column(spec, header, "runs")
    class_column = column_of_table(spec, header, "class")
    if class_column is not None:
        return [
            LabelTableRow(
                line,
                row[image_column],
                _label_of_row(spec.file, line, row[class_column], label_of),
                row[runs_column],
            )
            for line, row in rows
        ]
    named = [(line, row[image_column], row[runs_column]) for line, row in rows]
    return _without_class_column(
        spec.file, named, label_of, [n for n in range(len(classes)) if n != background]
    )


def _without_class_column(
    file: Path, rows: Sequence[tuple[int, str, str]], label_of: Mapping[str, int], labels: Sequence[int]
) -> list[LabelTableRow]:
    """The class at the end of each id, as in `0002cc93.jpg_1`; or the only one there is."""
    ends = [_class_at_end(image, label_of) for _, image, _ in rows] if len(labels) > 1 else []
    if ends and all(ends):
        return [
            LabelTableRow(line, image.removesuffix(f"_{end}"), label_of[end], runs)
            for (line, image, runs), end in zip(rows, ends, strict=True)
        ]
    if len(labels) != 1:
        raise DataError(
            f"{file}: has no column of classes, and there are {len(labels)}: name it with"
            " 'columns: { class: ... }', or list the one class of the table and an 'unlabelled' one"
        )
    return [LabelTableRow(line, image, labels[0], runs) for line, image, runs in rows]


def _class_at_end(text: str, classes: Iterable[str]) -> str:
    """The longest name of a class behind `_` at the end of an id; empty if there is none."""
    fitting = (name for name in classes if text.endswith(f"_{name}") and len(text) > len(name) + 1)
    return max(fitting, key=len, default="")


def read_csv_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV with their line numbers, the header first; raises DataError."""
    csv.field_size_limit(sys.maxsize)
    try:
        text = bytes_of_file(path).decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator_of_header(text))
        width = 0
        for row in reader:
            width = width or len(row)
            if row and len(row) != width:
                raise DataError(f"{path}:{reader.line_num}: has {len(row)} values, the header {width}")
            if row:
                yield reader.line_num, [cell.strip() for cell in row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is not a CSV in UTF-8: {error}") from error


def _separator_of_header(text: str) -> str:
    """A comma, or where the header has none, the semicolon or tab that spreadsheets write."""
    header = text.partition("\n")[0]
    return next((separator for separator in ",;\t" if separator in header), ",")


def _labels_by_class_name(classes: Sequence[ClassInfo]) -> dict[str, int]:
    """Labels by class name and by id."""
    ids = {str(c.id): label for label, c in enumerate(classes)}
    return ids | {c.name: label for label, c in enumerate(classes)}


def _label_of_row(file: Path, line: int, name: str, label_of: Mapping[str, int]) -> int:
    try:
        return label_of[name]
    except KeyError:
        raise DataError(f"{file}:{line}: {name!r} is no class: {did_you_mean(name, label_of)}") from None


def _required_column(spec: LabelsTableSpec, header: Sequence[str], kind: TableColumn) -> int:
    place = column_of_table(spec, header, kind)
    if place is None:
        raise DataError(
            f"{spec.file}: no column is known to be {kind!r}: name it with 'columns: {{ {kind}: ... }}', it"
            f" has {', '.join(header)}"
        )
    return place


def column_of_table(spec: LabelsTableSpec, header: Sequence[str], kind: TableColumn) -> int | None:
    """The place of a column, by the name that the spec gives or by a usual one; raises DataError."""
    if (name := spec.columns.get(kind)) is not None:
        if name not in header:
            raise DataError(f"{spec.file}: has no column {name!r}: {did_you_mean(name, header)}")
        return list(header).index(name)
    return known_column(header, kind)
