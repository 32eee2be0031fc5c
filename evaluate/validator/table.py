"""The cells of a table of run lengths, read with patience."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seg.classes import ClassInfo
from seg.engine.submissions.kaggle_rle import ROW_HEADER, label_of
from seg.engine.submissions.tables import read_table
from seg.evaluate.validator.finding import Finding


@dataclass(frozen=True, slots=True)
class Cell:
    """The run lengths of one class of one image."""

    image_id: str
    label: int
    text: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row with its id; its cells are those that make sense."""

    line: int
    id: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What a table is to look like: `by_class` has a row for each image and class."""

    header: tuple[str, ...]
    labels: tuple[int, ...]
    by_class: bool
    class_ids: dict[str, int]


def table_of(form: str, classes: Sequence[ClassInfo], unlabelled: str) -> Table:
    """The table of format `kaggle` or `kaggle-per-image`."""
    ids = {str(c.id): label for label, c in enumerate(classes)}
    if form == "kaggle":
        return Table(ROW_HEADER, (), True, ids)
    labels = tuple(label for label in range(len(classes)) if label != label_of(classes, unlabelled))
    names = [classes[label].name for label in labels]
    return Table(("ImageId", *(names if len(names) > 1 else ["EncodedPixels"])), labels, False, ids)


def read_rows(path: Path, table: Table) -> tuple[list[TableRow], list[Finding]]:
    """All rows, and what is wrong with the table itself. Raises DataError where it is no CSV."""
    lines = read_table(path)
    _, header = next(lines, (1, []))
    findings = []
    if tuple(header) != table.header:
        wanted = ",".join(table.header)
        findings.append(
            Finding(1, f"the header is {','.join(header)[:60]!r}", f"it should be {wanted!r}", True)
        )
    rows = []
    for line, fields in lines:
        if len(fields) != len(table.header):
            problem = f"has {len(fields)} fields, the header has {len(table.header)}"
            findings.append(Finding(line, problem, "quote fields with commas"))
            continue
        cells = _cells(table, fields)
        if not cells:
            findings.append(
                Finding(line, f"{fields[0]!r} ends in no class id", f"known: {', '.join(table.class_ids)}")
            )
        rows.append(TableRow(line, fields[0], cells))
    return rows, findings


def _cells(table: Table, fields: Sequence[str]) -> tuple[Cell, ...]:
    row_id, *texts = fields
    if not table.by_class:
        return tuple(Cell(row_id, label, text) for label, text in zip(table.labels, texts, strict=True))
    image_id, _, class_id = row_id.rpartition("_")
    label = table.class_ids.get(class_id)
    return () if label is None else (Cell(image_id, label, texts[0]),)
