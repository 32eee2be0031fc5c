"""Tolerant reading of a table of run lengths, with findings on its header and rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from seg.engine.submissions.tables.csv_file import Row, read_table
from seg.engine.submissions.tables.layout import TableLayout
from seg.engine.submissions.tables.table_kind import TableKind
from seg.evaluate.validator.finding import Finding


@dataclass(frozen=True, slots=True)
class Cell:
    """The run lengths of one class."""

    label: int
    text: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row with its id, for an image or for one class of it, and its valid cells."""

    line: int
    id: str
    cells: tuple[Cell, ...]


def read_rows(
    path: Path, kind: TableKind, layout: TableLayout, expected: Collection[str]
) -> tuple[list[TableRow], list[Finding]]:
    """All rows, and findings on the table itself. Raises DataError if it is not a CSV.

    Args:
        layout: the expected header.
        wanted: expected row ids, which tell a header from a row.
    """
    lines = list(read_table(path))
    line, header = lines[0] if lines else (1, [])
    places, findings = _columns(line, header, layout, expected)
    is_row = len(header) == len(layout.header) and header[layout.columns[0]] in expected
    rows = []
    for line, fields in lines if is_row else lines[1:]:
        if len(fields) != len(layout.header):
            problem = f"has {len(fields)} fields, the header has {len(layout.header)}"
            findings.append(Finding(line, problem, "quote fields with commas"))
            continue
        row_id, *texts = (fields[place] for place in places)
        cells = _cells(kind, row_id, texts)
        if not cells:
            known = ", ".join(kind.label_of_id)
            findings.append(Finding(line, f"{row_id!r} does not end in a class id", f"known: {known}"))
        rows.append(TableRow(line, row_id, cells))
    return rows, findings


def _columns(
    line: int, header: Row, layout: TableLayout, expected: Collection[str]
) -> tuple[Sequence[int], list[Finding]]:
    """The positions of our columns in a file, and findings on its header."""
    if tuple(header) == layout.header:
        return layout.columns, []
    shown, right = ",".join(header)[:60], f"it should be {','.join(layout.header)!r}"
    if len(header) != len(layout.header):
        return layout.columns, [Finding(line, f"the header is {shown!r}", right)]
    if header[layout.columns[0]] in expected:
        return layout.columns, [
            Finding(line, f"there is no header: the first line is {shown!r}", right, True)
        ]
    names = [layout.header[place] for place in layout.columns]
    if sorted(header) == sorted(names):
        found = Finding(line, f"the header is {shown!r}: its columns have another order", right, True)
        return [header.index(name) for name in names], [found]
    # Columns of classes are identified by name only.
    is_sure = len(names) == 2 or [header[place] for place in layout.columns[1:]] == names[1:]
    return layout.columns, [Finding(line, f"the header is {shown!r}", right, is_sure)]


def _cells(kind: TableKind, row_id: str, texts: Sequence[str]) -> tuple[Cell, ...]:
    if not kind.label_of_id:
        return tuple(Cell(label, text) for label, text in zip(kind.labels, texts, strict=True))
    label = kind.label_of_id.get(kind.split(row_id)[1])
    return () if label is None else (Cell(label, texts[0]),)
