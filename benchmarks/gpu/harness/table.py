"""The table: a section for each subject, figures that compare a row with another, Markdown."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast, get_args

from benchmarks.gpu.harness.rows import Row
from benchmarks.gpu.labels import share_of_equal
from benchmarks.gpu.workspace import SceneName, Workspace

if TYPE_CHECKING:
    from benchmarks.gpu.harness.harness import Results

SECTIONS: Final = {
    "machine": "The machine, and the tests that need a GPU",
    "training": "Training",
    "export": "Export",
    "d4": "Prediction: three members, eight views",
    "hflip": "Prediction: three members, horizontal flips",
    "classes": "Prediction: one member of many classes, horizontal flips",
    "large": "Prediction: one large image in tiles, one member",
    "tensorrt": "TensorRT",
    "options": "Options of the CUDA provider: the first member in fp16",
}
SPEED: Final = "images/s"
COMPARED_WITH: Final = "loop-amp"
TRUTHS: Final = ("loop-fp32", "engine-fp32", "loop-amp")
"""Whose labels are those that others are compared with: the first that is there."""


def with_comparisons(rows: Sequence[Row], workspace: Workspace) -> list[Row]:
    """Fill in what follows from two rows of a section."""
    return [
        _row_with_comparisons(row, [one for one in rows if one.section == row.section], workspace)
        for row in rows
    ]


def as_markdown(results: "Results") -> str:
    title = "# `python -m benchmarks.gpu" + (" --small`" if results.is_small else "`")
    total = sum(one.seconds for one in results.outcomes)
    ended = "" if results.is_finished else "; not finished"
    lines = [title, "", f"{len(results.outcomes)} steps in {total:.0f} s{ended}"]
    for section, heading in SECTIONS.items():
        rows = [row for row in results.rows if row.section == section]
        if rows:
            lines += ["", f"## {heading}", "", *_table_section(rows)]
    lines += ["", "## Steps", "", "| step | | seconds |", "|---|---|---:|"]
    lines += [f"| {one.name} | {one.status} | {one.seconds:.1f} |" for one in results.outcomes]
    return "\n".join(lines)


def _row_with_comparisons(row: Row, section: Sequence[Row], workspace: Workspace) -> Row:
    cells = dict(row.cells)
    speed = cells.get(SPEED)
    by_key = {one.key: one.cells.get(SPEED) for one in section if one.key}
    for column, other in (
        ("times the AMP loop", by_key.get(COMPARED_WITH)),
        ("of its networks' speed", by_key.get(row.networks)),
    ):
        if isinstance(speed, float) and isinstance(other, float) and row.key:
            ratio = speed / other
            cells[column] = f"{ratio:.1%}" if column.startswith("of") else round(ratio, 2)
    if row.section in get_args(SceneName):
        share = _labels_equal(row, workspace)
        if share is not None:
            cells["labels equal"] = f"{share:.3%}"
    return replace(row, cells=cells)


def _labels_equal(row: Row, workspace: Workspace) -> float | None:
    """The share of equal labels on those images that both have labelled; None where there are none."""
    scene = cast(SceneName, row.section)
    ours = workspace.labels(scene, row.key)
    truth = next((path for key in TRUTHS if (path := workspace.labels(scene, key)).exists()), None)
    if truth is None or not row.key or not ours.exists():
        return None
    return share_of_equal(ours, truth)


def _table_section(rows: Sequence[Row]) -> list[str]:
    columns = list(dict.fromkeys(column for row in rows for column in row.cells))
    has_notes = any(row.note for row in rows)
    header = ["", *columns, *([""] if has_notes else [])]
    lines = [f"| {' | '.join(header)} |", f"|---|{'---:|' * len(columns)}{'---|' if has_notes else ''}"]
    for row in rows:
        cells = [row.name, *(_cell_text(row.cells.get(column, "")) for column in columns)]
        lines.append(f"| {' | '.join([*cells, *([_escape_markdown(row.note)] if has_notes else [])])} |")
    return lines


def _cell_text(cell: float | str) -> str:
    return (
        _escape_markdown(cell)
        if isinstance(cell, str)
        else f"{cell:.4g}"
        if abs(cell) < 1e4
        else f"{cell:.0f}"
    )


def _escape_markdown(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
