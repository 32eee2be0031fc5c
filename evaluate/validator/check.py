"""Everything that is looked at, in order: the file, its rows, their runs, the masks they make."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from seg.engine.submissions import SubmissionSpec
from seg.engine.submissions.tables import read_table
from seg.errors import DataError
from seg.evaluate.validator.finding import Finding
from seg.evaluate.validator.masks import MaskLook
from seg.evaluate.validator.runs import read_runs
from seg.evaluate.validator.table import TableRow, read_rows, table_of
from seg.spec import EnsembleSpec
from seg.spec.output import RLE_FORMATS

SHOWN: Final = 3
"""How many ids a finding names."""


def check_submission(
    spec: EnsembleSpec,
    path: Path,
    sample: Path | None = None,
    *,
    look_at_images: bool = True,
    most_bytes: int | None = None,
) -> list[Finding]:
    """All findings, by line.

    Args:
        spec: says classes, format, sizes and, unless there is a sample, the images.
        sample: the contest's own submission, whose ids and order are wanted.
        look_at_images: whether masks are compared with the images' edges.
        most_bytes: what the contest takes, all files together.

    Raises:
        DataError: the file is no submission at all.
    """
    known = SubmissionSpec(spec)
    look = MaskLook(known, look_at_images)
    if spec.output.format not in RLE_FORMATS:
        for image_id, labels_hw in known.form().read(path, known.size_of):
            look.add_labels(image_id, labels_hw)
        return [*_check_size(path, most_bytes), *look.findings()]
    table = table_of(spec.output.format, known.classes, spec.data.unlabelled)
    rows, findings = read_rows(path, table)
    findings += _check_size(path, most_bytes)
    findings += _check_bytes(path)
    findings += _check_ids(rows, wanted_ids(known, sample), sample)
    for row in rows:
        findings += _check_runs(known, row, look)
    findings += look.findings()
    return sorted(findings, key=lambda finding: finding.line or 0)


def _check_size(path: Path, most_bytes: int | None) -> Iterator[Finding]:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    if most_bytes is not None and size > most_bytes:
        yield Finding(
            None,
            f"has {size:,} bytes, and {most_bytes:,} are the most",
            "write it on a smaller grid (output.size), or pack it if the contest takes that",
        )


def _check_bytes(path: Path) -> Iterator[Finding]:
    content = path.read_bytes()
    if content.startswith(b"\xef\xbb\xbf"):
        yield Finding(None, "starts with a byte order mark", "save it as plain UTF-8", True)
    if b"\r\n" in content:
        yield Finding(None, "lines end with CR LF", "end them with LF", True)
    if content and not content.endswith(b"\n"):
        yield Finding(None, "the last line has no end", "end it", True)


def wanted_ids(known: SubmissionSpec, sample: Path | None) -> list[str]:
    """The ids of all rows in their order: the sample's, or those of the spec's images."""
    if sample is not None:
        return [row[0] for _, row in read_table(sample)][1:]
    ids = [image.id for image in known.split.samples]
    if known.spec.output.format != "kaggle":
        return ids
    return [f"{image_id}_{c.id}" for image_id in ids for c in known.classes]


def _check_ids(rows: Sequence[TableRow], wanted: Sequence[str], sample: Path | None) -> Iterator[Finding]:
    found = [row.id for row in rows]
    source = str(sample) if sample else "the spec's images"
    for row_id, count in Counter(found).items():
        if count > 1:
            lines = [row.line for row in rows if row.id == row_id]
            yield Finding(lines[1], f"{row_id!r} was there in line {lines[0]}", "keep one of them")
    missing = [row_id for row_id in wanted if row_id not in set(found)]
    if missing:
        yield Finding(None, f"{_rows(missing)} of {source} missing: {_some(missing)}", "add empty ones", True)
    extra = [row for row in rows if row.id not in set(wanted)]
    if extra:
        names = _some([row.id for row in extra])
        yield Finding(extra[0].line, f"{_rows(extra)} not in {source}: {names}", "remove them", True)
    if not missing and not extra and found != list(wanted) and sorted(found) == sorted(wanted):
        first = next(row.line for row, row_id in zip(rows, wanted, strict=True) if row.id != row_id)
        yield Finding(first, f"rows have another order than {source}", "put them in that order", True)


def _check_runs(known: SubmissionSpec, row: TableRow, look: MaskLook) -> Iterator[Finding]:
    for cell in row.cells:
        try:
            size_hw = known.size_of(cell.image_id)
        except DataError:
            continue
        runs = read_runs(cell.text, size_hw[0] * size_hw[1], known.spec.output.rle)
        for mistake in runs.mistakes:
            yield Finding(row.line, mistake.problem, mistake.fix, mistake.is_mended)
        if overlap := look.add_runs(cell.image_id, cell.label, runs.pairs, size_hw):
            yield Finding(
                row.line, f"{overlap} pixels have another class already", "give each pixel one class"
            )


def _rows(some: Sequence[object]) -> str:
    return "1 row" if len(some) == 1 else f"{len(some)} rows"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
