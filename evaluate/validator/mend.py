"""A mended copy of a table: only what is safe to mend without knowing the masks."""

from pathlib import Path

from seg.engine.submissions import SubmissionSpec
from seg.engine.submissions.tables import Row, write_table
from seg.errors import DataError
from seg.evaluate.validator.check import wanted_ids
from seg.evaluate.validator.runs import mend_runs, read_runs
from seg.evaluate.validator.table import Table, TableRow, read_rows, table_of
from seg.spec import EnsembleSpec
from seg.spec.output import RLE_FORMATS, RleSpec


def mend_submission(spec: EnsembleSpec, path: Path, sample: Path | None, output: Path) -> int:
    """Write a copy with header, order and ids as wanted and with runs sorted and merged.

    Returns:
        How many rows were changed, added or left out.

    Raises:
        DataError: the format is no table of run lengths, an id is there twice, or runs cannot be mended.
    """
    if spec.output.format not in RLE_FORMATS:
        raise DataError(f"{path}: only tables of run lengths can be mended, not {spec.output.format}")
    known = SubmissionSpec(spec)
    table = table_of(spec.output.format, known.classes, spec.data.unlabelled)
    rows, _ = read_rows(path, table)
    by_id = {row.id: row for row in rows}
    if len(by_id) < len(rows):
        raise DataError(f"{path}: ids are there twice: only you can say which row is right")
    wanted = wanted_ids(known, sample)
    mended = {row_id: _mended(known, path, by_id[row_id]) for row_id in wanted if row_id in by_id}
    empty = _empty_row(table, spec.output.rle)
    write_table(output, table.header, [mended.get(row_id) or (row_id, *empty) for row_id in wanted], None)
    changed = sum(tuple(row[1:]) != _texts(by_id[row_id]) for row_id, row in mended.items())
    return changed + len(set(wanted) ^ set(by_id))


def _mended(known: SubmissionSpec, path: Path, row: TableRow) -> Row:
    texts = []
    for cell in row.cells:
        height, width = known.size_of(cell.image_id)
        style = known.spec.output.rle
        text = mend_runs(read_runs(cell.text, height * width, style), style)
        if text is None:
            raise DataError(f"{path}:{row.line}: its runs cannot be mended: encode the mask again")
        texts.append(text)
    return (row.id, *texts)


def _texts(row: TableRow) -> tuple[str, ...]:
    return tuple(cell.text for cell in row.cells)


def _empty_row(table: Table, style: RleSpec) -> tuple[str, ...]:
    return (style.empty.replace("drop", ""),) * (len(table.header) - 1)
