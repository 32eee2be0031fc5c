"""Tolerant reading of a table of run lengths, with findings on its header and rows."""

import itertools
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from seg.engine.submissions.tables.csv_file import Row, read_csv_table
from seg.engine.submissions.tables.run_length_table import unknown_class_in_row
from seg.engine.submissions.tables.table_format import Key, TableFormat
from seg.evaluate.validator.finding import Finding

_COMMA: Final = ","
_OTHER_DELIMITERS: Final = (";", "\t", "|")
"""As spreadsheets write them where a comma is part of a number."""


@dataclass(frozen=True, slots=True)
class RunLengthCell:
    """The run lengths of one class."""

    label: int
    text: str


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row with its key, its id in messages, its values, and the classes of run lengths among these."""

    line: int
    key: Key
    id: str
    values: tuple[str, ...]
    labels: tuple[int, ...]

    @property
    def cells(self) -> tuple[RunLengthCell, ...]:
        return tuple(map(RunLengthCell, self.labels, self.values))


def read_rows_with_findings(
    path: Path, style: TableFormat, expected: Collection[Key]
) -> tuple[list[CheckedRow], list[Finding]]:
    """All rows, and findings on the table itself. Raises DataError if it is not a CSV.

    Args:
        expected: rows, which tell a header from a row.
    """
    delimiter = _find_delimiter(path, len(style.header))
    lines = read_csv_table(path, delimiter)
    number, header = next(lines, (1, []))
    is_row = len(header) == len(style.header) and style.key_of_fields(header) in expected
    found, findings = _check_table_header(number, header, style, is_row)
    if delimiter != _COMMA:
        findings.append(
            Finding(number, f"fields are separated by {delimiter!r}", "separate them by ','", True)
        )
    rows = []
    for line, fields in itertools.chain([(number, header)] if is_row else [], lines):
        if len(fields) != len(found.header):
            problem = f"has {len(fields)} fields, the header has {len(found.header)}"
            findings.append(Finding(line, problem, "quote fields with commas"))
            continue
        key = found.key_of_fields(fields)
        findings += _check_other_columns(line, found, fields)
        labels = style.labels
        if style.has_row_for_each_class:
            labels = tuple(label for name, label in style.label_of_class.items() if name == key[1])
            if not labels:
                findings.append(Finding(line, unknown_class_in_row(style, key), "write one of these"))
        rows.append(CheckedRow(line, key, style.show(key), tuple(found.values(fields)), labels))
    return rows, findings


def _find_delimiter(path: Path, columns: int) -> str:
    """What separates the fields of the first line, if that gives the columns; else a comma."""
    _, whole = next(read_csv_table(path), (1, []))
    if len(whole) == 1:
        for delimiter in _OTHER_DELIMITERS:
            _, fields = next(read_csv_table(path, delimiter), (1, []))
            if len(fields) == columns:
                return delimiter
    return _COMMA


def _check_table_header(
    line: int, header: Row, style: TableFormat, is_row: bool
) -> tuple[TableFormat, list[Finding]]:
    """The format with the columns where the file has them, and findings on its header."""
    if tuple(header) == style.header:
        return style, []
    shown, right = ",".join(header)[:60], f"it should be {','.join(style.header)!r}"
    if len(header) != len(style.header):
        return style, [Finding(line, f"the header is {shown!r}", right)]
    if is_row:
        return style, [Finding(line, f"there is no header: the first line is {shown!r}", right, True)]
    if sorted(header) == sorted(style.header):
        found = Finding(line, f"the header is {shown!r}: its columns have another order", right, True)
        return _reorder_columns(style, header), [found]
    # Columns of classes, and of three columns each, are identified by name only.
    is_sure = len(style.header) == 2 or (
        style.class_column is None
        and [header[at] for at in style.value_columns] == [style.header[at] for at in style.value_columns]
    )
    return style, [Finding(line, f"the header is {shown!r}", right, is_sure)]


def _check_other_columns(line: int, style: TableFormat, fields: Row) -> list[Finding]:
    """Findings on texts that are not those of the sample, in columns that a submission does not fill in."""
    written = dict(zip(style.header, fields, strict=True))
    return [
        Finding(line, f"{name} is {written[name]!r}", f"it should be {text!r}, as in the sample", True)
        for name, text in style.others.get(style.key_of_fields(fields), {}).items()
        if written[name] != text
    ]


def _reorder_columns(style: TableFormat, header: Row) -> TableFormat:
    def place(column: int) -> int:
        return header.index(style.header[column])

    return replace(
        style,
        header=tuple(header),
        id_column=place(style.id_column),
        value_columns=tuple(map(place, style.value_columns)),
        class_column=None if style.class_column is None else place(style.class_column),
    )
