"""A mended copy of a table: only what is safe to mend without knowing the masks."""

from collections.abc import Sequence
from pathlib import Path

from seg.engine.submissions import SubmissionSpec
from seg.engine.submissions.table_kind import TableKind
from seg.engine.submissions.tables import write_table
from seg.errors import DataError
from seg.evaluate.validator.check import is_needed, missing_ids
from seg.evaluate.validator.expected_table import WantedTable, wanted_table
from seg.evaluate.validator.finding import Finding
from seg.evaluate.validator.read_table import TableRow, read_rows
from seg.evaluate.validator.run_lengths import mend_runs, read_runs
from seg.spec import EnsembleSpec
from seg.spec.output import RLE_FORMATS, RleSpec


def mend_submission(spec: EnsembleSpec, path: Path, sample: Path | None, output: Path) -> int:
    """Write a copy with header, order and ids as wanted and with runs sorted and merged.

    A row's id that differs from a wanted one only by an ending, a folder or zeros is written as that one.

    Returns:
        How many rows were changed, added or left out.

    Raises:
        DataError: the format is no table of run lengths, an id is there twice, runs cannot be mended, or a
            prediction would be lost.
    """
    if spec.output.format not in RLE_FORMATS:
        raise DataError(f"{path}: only tables of run lengths can be mended, not {spec.output.format}")
    known = SubmissionSpec(spec)
    wanted = wanted_table(known, sample)
    rows, findings = read_rows(path, wanted.kind, wanted.layout, set(wanted.ids))
    match = wanted.match([row.id for row in rows])
    _refuse_loss(path, rows, findings, match, wanted)
    row_of = {match[row.id]: row for row in rows if row.id in match}
    cells_of = {
        row_id: _mended(known, path, row, wanted.spec_image(row_id)) for row_id, row in row_of.items()
    }
    cells_of |= dict.fromkeys(missing_ids(match, wanted), _empty_row(wanted.kind, spec.output.rle))
    if wanted.leaves_out_empty:
        cells_of = {row_id: cells for row_id, cells in cells_of.items() if any(cells)}
    kept = [(row_id, *cells_of[row_id]) for row_id in wanted.ids if row_id in cells_of]
    write_table(output, wanted.layout.header, map(wanted.layout.to_file_order, kept))
    same = sum(cells_of.get(row.id) == _texts(row) for row in rows)
    return len(kept) - same + len(rows) - len(row_of)


def _refuse_loss(
    path: Path,
    rows: Sequence[TableRow],
    findings: Sequence[Finding],
    match: dict[str, str],
    wanted: WantedTable,
) -> None:
    """Raise DataError where a prediction of the file would not be in the mended one."""
    if len({row.id for row in rows}) < len(rows):
        raise DataError(f"{path}: ids are there twice: only you can say which row is right")
    unsure = next((finding for finding in findings if not finding.is_mended), None)
    if unsure is not None:
        raise DataError(f"{path}: {unsure}: it cannot be mended without the loss of predictions")
    for row in rows:
        if row.id not in match and is_needed(row, wanted.kind):
            raise DataError(
                f"{path}:{row.line}: {row.id!r} is not in {wanted.source}, and its prediction would be lost:"
                " rename the row, or remove it"
            )


def _mended(known: SubmissionSpec, path: Path, row: TableRow, image_id: str) -> tuple[str, ...]:
    height, width = known.size_of(image_id)
    style = known.spec.output.rle
    texts = []
    for cell in row.cells:
        text = mend_runs(read_runs(cell.text, height * width, style), style)
        if text is None:
            raise DataError(f"{path}:{row.line}: its runs cannot be mended: encode the mask again")
        texts.append(text)
    return tuple(texts)


def _texts(row: TableRow) -> tuple[str, ...]:
    return tuple(cell.text for cell in row.cells)


def _empty_row(kind: TableKind, style: RleSpec) -> tuple[str, ...]:
    return (style.empty.replace("drop", ""),) * (len(kind.header) - 1)
