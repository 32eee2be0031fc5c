"""Repair of a table: only what is safe to change without knowing the masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seg.engine.submissions import SubmissionForSpec
from seg.engine.submissions.tables.table_format import Key, TableFormat
from seg.engine.submissions.tables.table_rows import write_table_rows
from seg.errors import DataError
from seg.evaluate.validator.check import is_row_needed, missing_submission_rows, output_with_sample
from seg.evaluate.validator.expected_table import ExpectedTable, expected_table
from seg.evaluate.validator.finding import Finding
from seg.evaluate.validator.read_table import CheckedRow, read_rows_with_findings
from seg.evaluate.validator.run_lengths import parse_run_lengths, repair_runs
from seg.spec import EnsembleSpec
from seg.spec.ensemble.output import TABLE_FORMATS


@dataclass(frozen=True, slots=True)
class RepairedTable:
    """The table with which a submission is replaced.

    Attributes:
        changed: how many rows were changed, added or removed.
    """

    style: TableFormat
    rows: Sequence[tuple[Key, Sequence[str]]]
    changed: int

    def write(self, output: Path) -> None:
        """Write the table atomically; raises OutputError."""
        write_table_rows(output, self.style, self.rows)


def repair_submission(spec: EnsembleSpec, path: Path, sample: Path | None) -> RepairedTable:
    """The table with the expected header, separators, order and ids, and with runs sorted and merged.

    Ids that differ from expected ones only by a suffix, a folder or leading zeros are replaced.

    Raises:
        DataError: the format is not a table, an id is duplicate, runs cannot be repaired, a row of pixels is
            missing, or a prediction would be lost.
    """
    if spec.output.format not in TABLE_FORMATS:
        raise DataError(f"{path}: only tables can be repaired, not {spec.output.format}")
    known = SubmissionForSpec(spec.model_copy(update={"output": output_with_sample(spec.output, sample)}))
    expected = expected_table(known)
    rows, findings = read_rows_with_findings(path, expected.style, set(expected.keys))
    match = expected.match([row.key for row in rows])
    _refuse_lossy_repair(path, rows, findings, match, expected)
    row_of = {match[row.key]: row for row in rows if row.key in match}
    cells_of = {
        key: _repaired_cells(known, path, row, expected.spec_image(key)) for key, row in row_of.items()
    }
    missing = missing_submission_rows(match, expected)
    if missing and not expected.style.has_run_lengths:
        raise DataError(f"{path}: row {expected.style.show(missing[0])!r} is missing: predict its pixels")
    cells_of |= dict.fromkeys(missing, _empty_row(expected.style))
    if expected.style.drops_empty:
        cells_of = {key: cells for key, cells in cells_of.items() if any(cells)}
    kept = [(key, cells_of[key]) for key in expected.keys if key in cells_of]
    with_findings = {finding.line for finding in findings}
    same = sum(cells_of.get(row.key) == row.values and row.line not in with_findings for row in rows)
    return RepairedTable(expected.style, kept, len(kept) - same + len(rows) - len(row_of))


def _refuse_lossy_repair(
    path: Path,
    rows: Sequence[CheckedRow],
    findings: Sequence[Finding],
    match: dict[Key, Key],
    expected: ExpectedTable,
) -> None:
    """Raise DataError if a prediction of the file would be lost."""
    if len({row.key for row in rows}) < len(rows):
        raise DataError(f"{path}: there are duplicate ids: remove the wrong rows")
    unsure = next((finding for finding in findings if not finding.is_fixable), None)
    if unsure is not None:
        raise DataError(f"{path}: {unsure}: it cannot be repaired without losing predictions")
    for row in rows:
        if row.key not in match and is_row_needed(row, expected.style):
            raise DataError(
                f"{path}:{row.line}: {row.id!r} is not in {expected.source}, so its prediction would be lost:"
                " rename the row, or remove it"
            )


def _repaired_cells(known: SubmissionForSpec, path: Path, row: CheckedRow, image_id: str) -> tuple[str, ...]:
    if not row.cells:
        return row.values
    height, width = known.size_of(image_id)
    rle, empty = known.table.rle, known.table.empty
    texts = []
    for cell in row.cells:
        text = repair_runs(parse_run_lengths(cell.text, height * width, rle, empty), rle, empty)
        if text is None:
            raise DataError(f"{path}:{row.line}: its runs cannot be repaired: encode the mask again")
        texts.append(text)
    return tuple(texts)


def _empty_row(style: TableFormat) -> tuple[str, ...]:
    return (style.empty,) * len(style.value_columns)
