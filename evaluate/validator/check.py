"""Everything that is looked at, in order: the file, its rows, their runs, the masks they make."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from seg.engine.submissions import SubmissionSpec
from seg.engine.submissions.table_kind import TableKind
from seg.errors import DataError, SpecError
from seg.evaluate.validator.finding import Finding
from seg.evaluate.validator.masks import MaskLook
from seg.evaluate.validator.runs import NOTHING, read_runs
from seg.evaluate.validator.table import TableRow, read_rows
from seg.evaluate.validator.wanted import WantedTable, wanted_table
from seg.files import regular
from seg.labels import IGNORE_INDEX
from seg.spec import EnsembleSpec
from seg.spec.output import RLE_FORMATS, TABLE_FORMATS
from seg.words import counted

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
        DataError: the file is no submission at all, or the sample is none for this format.
        SpecError: there is a sample, and the format is no table.
    """
    if sample is not None and spec.output.format not in TABLE_FORMATS:
        raise SpecError(f"{sample}: a sample has no meaning for format {spec.output.format}: leave it out")
    output = spec.output.model_copy(update={"sample": sample})
    known = SubmissionSpec(spec.model_copy(update={"output": output}))
    look = MaskLook(known, look_at_images)
    if spec.output.format not in RLE_FORMATS:
        return [*_check_size(path, most_bytes), *_check_maps(known, path, look), *look.findings()]
    wanted = wanted_table(known, sample)
    rows, findings = read_rows(path, wanted.kind, wanted.layout, set(wanted.ids))
    findings += _check_size(path, most_bytes)
    findings += _check_bytes(path)
    match = wanted.match([row.id for row in rows])
    findings += _check_ids(rows, match, wanted)
    for row in rows:
        findings += _check_runs(known, row, wanted.spec_image(match.get(row.id, row.id)), look)
    findings += look.findings()
    return sorted(findings, key=lambda finding: finding.line or 0)


def _check_maps(known: SubmissionSpec, path: Path, look: MaskLook) -> Iterator[Finding]:
    missing = {image.id: None for image in known.split.samples}
    empty = []
    for image_id, labels_hw in known.form().read(path, known.size_of):
        look.add_labels(image_id, labels_hw)
        del missing[image_id]
        if (labels_hw == IGNORE_INDEX).all():
            empty.append(image_id)
    if empty:
        problem = f"{counted(len(empty), 'image')} without a pixel of any class: {_some(empty)}"
        yield Finding(None, problem, "was the whole file written?")
    if missing:
        problem = f"{counted(len(missing), 'image')} of the spec's missing: {_some(list(missing))}"
        yield Finding(None, problem, "predict them, or name the images that are wanted as data.predict")


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
    content = regular(path).read_bytes()
    if content.startswith(b"\xef\xbb\xbf"):
        yield Finding(None, "starts with a byte order mark", "save it as plain UTF-8", True)
    if b"\r\n" in content:
        yield Finding(None, "lines end with CR LF", "end them with LF", True)
    if content and not content.endswith(b"\n"):
        yield Finding(None, "the last line has no end", "end it", True)


def _check_ids(rows: Sequence[TableRow], match: dict[str, str], wanted: WantedTable) -> Iterator[Finding]:
    found = [row.id for row in rows]
    for row_id, count in Counter(found).items():
        if count > 1:
            lines = [row.line for row in rows if row.id == row_id]
            yield Finding(lines[1], f"{row_id!r} was there in line {lines[0]}", "keep one of them")
    yield from _check_spelling(rows, match, wanted.source)
    missing = missing_ids(match, wanted)
    if missing:
        problem = f"{_rows(missing)} of {wanted.source} missing: {_some(missing)}"
        yield Finding(None, problem, "add empty ones", True)
    extra = [row for row in rows if row.id not in match]
    if extra:
        problem = f"{_rows(extra)} not in {wanted.source}: {_some([row.id for row in extra])}"
        is_mended = not any(is_needed(row, wanted.kind) for row in extra)
        yield Finding(extra[0].line, problem, "remove them", is_mended)
    if not missing and not extra:
        order = [match[row_id] for row_id in found]
        right = [row_id for row_id in wanted.ids if row_id in set(order)]
        if order != right and sorted(order) == sorted(right):
            line = next(row.line for row, a, b in zip(rows, order, right, strict=True) if a != b)
            yield Finding(
                line, f"rows have another order than {wanted.source}", "put them in that order", True
            )


def _check_spelling(rows: Sequence[TableRow], match: dict[str, str], source: str) -> Iterator[Finding]:
    other = [row for row in rows if match.get(row.id, row.id) != row.id]
    if other:
        first = other[0]
        problem = (
            f"{_rows(other)} with ids that {source} writes otherwise: {first.id!r} for {match[first.id]!r}"
        )
        yield Finding(first.line, problem, "write them as there", True)


def missing_ids(match: dict[str, str], wanted: WantedTable) -> list[str]:
    """The wanted rows that a file lacks, of those that it may not lack.

    Without a sample these are rows that are left out for lack of pixels, and those of the unlabelled class
    where the file has none of them.
    """
    matched = set(match.values())
    missing = [row_id for row_id in wanted.ids if row_id not in matched]
    if wanted.is_sample:
        return missing
    if wanted.leaves_out_empty:
        return []
    has_background = any(map(wanted.kind.is_of_background, matched))
    return [row_id for row_id in missing if has_background or not wanted.kind.is_of_background(row_id)]


def is_needed(row: TableRow, kind: TableKind) -> bool:
    """Whether a row has a prediction that would be lost without it."""
    has_runs = not row.cells or any(cell.text.strip() not in NOTHING for cell in row.cells)
    return has_runs and not kind.is_of_background(row.id)


def _check_runs(known: SubmissionSpec, row: TableRow, image_id: str, look: MaskLook) -> Iterator[Finding]:
    try:
        size_hw = known.size_of(image_id)
    except DataError:
        return
    for cell in row.cells:
        runs = read_runs(cell.text, size_hw[0] * size_hw[1], known.spec.output.rle)
        for mistake in runs.mistakes:
            yield Finding(row.line, mistake.problem, mistake.fix, mistake.is_mended)
        if overlap := look.add_runs(image_id, cell.label, runs.pairs, size_hw):
            yield Finding(
                row.line, f"{overlap} pixels have another class already", "give each pixel one class"
            )


def _rows(some: Sequence[object]) -> str:
    return counted(len(some), "row")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
