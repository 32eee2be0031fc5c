"""The checks of a submission, in order: the file, its rows, their runs, and the masks."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from seg.engine.submissions import SubmissionForSpec
from seg.engine.submissions.tables.table_format import Key, TableFormat
from seg.errors import DataError, SpecError
from seg.evaluate.validator.expected_table import ExpectedTable, expected_table
from seg.evaluate.validator.finding import Finding
from seg.evaluate.validator.masks import MaskChecks
from seg.evaluate.validator.read_table import CheckedRow, read_rows_with_findings
from seg.evaluate.validator.run_lengths import EMPTY_CELLS, parse_run_lengths
from seg.files.atomic import regular_file
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.task import classes_overlap
from seg.spec import EnsembleSpec
from seg.spec.ensemble.output import RLE_FORMATS, TABLE_FORMATS, OutputSpec
from seg.terminal.words import pluralise

SHOWN: Final = 3
"""The most ids in a finding."""


def check_submission(
    spec: EnsembleSpec,
    path: Path,
    sample: Path | None = None,
    *,
    look_at_images: bool = True,
    max_bytes: int | None = None,
) -> list[Finding]:
    """All findings, by line.

    Args:
        spec: of the classes, format, sizes and, without a sample, the images.
        sample: the contest's sample submission with the expected ids and order.
        look_at_images: whether masks are compared with the images' edges.
        max_bytes: the contest's limit for all files together.

    Raises:
        DataError: the file is not a submission, or the sample is not in this format.
        SpecError: there is a sample, but the format is not a table.
    """
    if sample is not None and spec.output.format not in TABLE_FORMATS:
        raise SpecError(f"{sample}: a sample is not used with format {spec.output.format}: remove it")
    known = SubmissionForSpec(spec.model_copy(update={"output": output_with_sample(spec.output, sample)}))
    masks = MaskChecks(known, look_at_images)
    if spec.output.format not in TABLE_FORMATS:
        return [
            *_check_file_size(path, max_bytes),
            *_check_label_map_file(known, path, masks),
            *masks.findings(),
        ]
    expected = expected_table(known)
    rows, findings = read_rows_with_findings(path, expected.style, set(expected.keys))
    findings += _check_file_size(path, max_bytes)
    findings += _check_file_bytes(path)
    match = expected.match([row.key for row in rows])
    findings += _check_row_ids(rows, match, expected)
    if spec.output.format in RLE_FORMATS:
        for row in rows:
            findings += _check_runs_of_row(
                known, row, expected.spec_image(match.get(row.key, row.key)), masks
            )
        findings += masks.findings()
    elif not findings:
        # The strict reader of pixels needs the right columns and ids.
        findings += [*_check_label_map_file(known, path, masks), *masks.findings()]
    return sorted(findings, key=lambda finding: finding.line or 0)


def _check_label_map_file(known: SubmissionForSpec, path: Path, masks: MaskChecks) -> Iterator[Finding]:
    missing = {image.id: None for image in known.split.samples}
    empty: list[str] = []
    may_be_empty = classes_overlap(known.spec.data.task)
    for image_id, labels_hw in known.form().read(path, known.size_of):
        masks.add_labels(image_id, labels_hw)
        del missing[image_id]
        if not may_be_empty and (labels_hw == IGNORE_INDEX).all():
            empty.append(image_id)
    if empty:
        problem = f"{pluralise(len(empty), 'image')} without a pixel of any class: {_some_ids(empty)}"
        yield Finding(None, problem, "was the whole file written?")
    if missing:
        problem = f"{pluralise(len(missing), 'image')} of the spec's missing: {_some_ids(list(missing))}"
        yield Finding(None, problem, "predict them, or set data.predict to the images that are expected")


def _check_file_size(path: Path, max_bytes: int | None) -> Iterator[Finding]:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    if max_bytes is not None and size > max_bytes:
        yield Finding(
            None,
            f"has {size:,} bytes, but {max_bytes:,} are the limit",
            "write it on a smaller grid (output.size), or pack it if the contest allows that",
        )


def _check_file_bytes(path: Path) -> Iterator[Finding]:
    content = regular_file(path).read_bytes()
    if content.startswith(b"\xef\xbb\xbf"):
        yield Finding(None, "starts with a byte order mark", "save it as plain UTF-8", True)
    if b"\r\n" in content:
        yield Finding(None, "lines end with CR LF", "end them with LF", True)
    if content and not content.endswith(b"\n"):
        yield Finding(None, "the last line has no end", "end it", True)


def output_with_sample(output: OutputSpec, sample: Path | None) -> OutputSpec:
    """The output with a sample, whose columns take the place of the spec's."""
    return output.model_copy(update={"sample": sample} | ({"columns": None} if sample else {}))


def _check_row_ids(
    rows: Sequence[CheckedRow], match: dict[Key, Key], expected: ExpectedTable
) -> Iterator[Finding]:
    lines_of: dict[Key, list[int]] = defaultdict(list)
    for row in rows:
        lines_of[row.key].append(row.line)
    for key, lines in lines_of.items():
        if len(lines) > 1:
            shown = expected.style.show(key)
            yield Finding(lines[1], f"{shown!r} is already in line {lines[0]}", "keep one of them")
    yield from _check_id_spelling(rows, match, expected)
    missing = missing_submission_rows(match, expected)
    if missing:
        shown = _some_ids([expected.style.show(key) for key in missing])
        has_runs = expected.style.has_run_lengths
        problem = f"{_counted_rows(missing)} of {expected.source} missing: {shown}"
        yield Finding(None, problem, "add empty ones" if has_runs else "predict them", has_runs)
    extra = [row for row in rows if row.key not in match]
    if extra:
        problem = f"{_counted_rows(extra)} not in {expected.source}: {_some_ids([row.id for row in extra])}"
        is_fixable = not any(is_row_needed(row, expected.style) for row in extra)
        yield Finding(extra[0].line, problem, "remove them", is_fixable)
    if not missing and not extra:
        order = [match[row.key] for row in rows]
        present = set(order)
        right = [key for key in expected.keys if key in present]
        if order != right and sorted(order) == sorted(right):
            line = next(row.line for row, a, b in zip(rows, order, right, strict=True) if a != b)
            yield Finding(
                line, f"rows have another order than {expected.source}", "put them in that order", True
            )


def _check_id_spelling(
    rows: Sequence[CheckedRow], match: dict[Key, Key], expected: ExpectedTable
) -> Iterator[Finding]:
    other = [row for row in rows if match.get(row.key, row.key) != row.key]
    if other:
        first = other[0]
        wanted = expected.style.show(match[first.key])
        problem = (
            f"{_counted_rows(other)} with ids that {expected.source} writes differently:"
            f" {first.id!r} for {wanted!r}"
        )
        yield Finding(first.line, problem, "write them as there", True)


def missing_submission_rows(match: dict[Key, Key], expected: ExpectedTable) -> list[Key]:
    """The expected rows that a file must have but has not.

    Without a sample a file may leave out rows without pixels if its format allows that, and all rows of the
    unlabelled class.
    """
    matched = set(match.values())
    missing = [key for key in expected.keys if key not in matched]
    if expected.is_sample:
        return missing
    if expected.style.drops_empty:
        return []
    has_background = any(map(expected.style.is_of_background, matched))
    return [key for key in missing if has_background or not expected.style.is_of_background(key)]


def is_row_needed(row: CheckedRow, style: TableFormat) -> bool:
    """Whether a row has a prediction that would be lost without it."""
    empty = (*EMPTY_CELLS, style.empty)
    has_runs = not row.cells or any(cell.text.strip() not in empty for cell in row.cells)
    return has_runs and not style.is_of_background(row.key)


def _check_runs_of_row(
    known: SubmissionForSpec, row: CheckedRow, image_id: str, masks: MaskChecks
) -> Iterator[Finding]:
    try:
        size_hw = known.size_of(image_id)
    except DataError:
        return
    for cell in row.cells:
        runs = parse_run_lengths(cell.text, size_hw[0] * size_hw[1], known.table.rle, known.table.empty)
        for mistake in runs.mistakes:
            yield Finding(row.line, mistake.problem, mistake.fix, mistake.is_fixable)
        if overlap := masks.add_runs(image_id, cell.label, runs.pairs, size_hw):
            yield Finding(
                row.line, f"{overlap} pixels have another class already", "give each pixel one class"
            )


def _counted_rows(some: Sequence[object]) -> str:
    return pluralise(len(some), "row")


def _some_ids(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
