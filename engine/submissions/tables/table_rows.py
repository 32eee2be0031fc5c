"""Rows of a contest's CSV: written in the sample's order, and read back with our ids of images."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seg.engine.submissions.tables.csv_file import read_csv_table, write_csv_table
from seg.engine.submissions.tables.table_format import Key, TableFormat
from seg.errors import DataError


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a CSV: its line, image, class as the CSV writes it, and run lengths or pixel values."""

    line: int
    image_id: str
    key: Key
    values: Sequence[str]


def write_table_rows(path: Path, style: TableFormat, rows: Iterable[tuple[Key, Sequence[str]]]) -> None:
    """Write rows as they come, or those of the sample in its order.

    Raises:
        OutputError: the folder cannot be written.
        DataError: a row of the sample has no prediction.
    """
    write_csv_table(
        path, style.header, (style.fields(key, values) for key, values in _rows_in_sample_order(style, rows))
    )


def read_submission_rows(path: Path, style: TableFormat) -> Iterator[TableRow]:
    """The rows of a file, grouped by image if a sample's order separates them.

    Raises:
        DataError: the header or the number of fields of a row is wrong.
    """
    rows = _read_rows_of_file(path, style)
    if style.rows is None:
        return rows
    position = {style.image_of(name): at for at, (name, _) in enumerate(style.rows)}
    return iter(sorted(rows, key=lambda row: position.get(row.image_id, len(position))))


def _read_rows_of_file(path: Path, style: TableFormat) -> Iterator[TableRow]:
    lines = read_csv_table(path)
    line, found = next(lines, (1, []))
    if tuple(found) != style.header:
        wanted = ",".join(style.header)
        raise DataError(f"{path}:{line}: the header must be {wanted!r}, got {','.join(found)[:80]!r}")
    for line, fields in lines:
        if len(fields) != len(style.header):
            raise DataError(f"{path}:{line}: has {len(fields)} fields, the header has {len(style.header)}")
        key = style.key_of_fields(fields)
        yield TableRow(line, style.image_of(key[0]), key, style.values(fields))


def _rows_in_sample_order(
    style: TableFormat, rows: Iterable[tuple[Key, Sequence[str]]]
) -> Iterator[tuple[Key, Sequence[str]]]:
    if style.rows is None:
        yield from rows
        return
    wanted = frozenset(style.rows)
    values_of = {key: values for key, values in rows if key in wanted}
    for key in style.rows:
        if key not in values_of:
            raise DataError(f"row {style.show(key)!r} of the sample submission has no prediction")
        yield key, values_of[key]
