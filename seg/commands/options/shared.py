"""Common arguments and options of commands, tables on stdout, and the check for an extra."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seg.distribution import install_advice
from seg.errors import OutputError, SegError, SpecError
from seg.terminal.notices import notice

if TYPE_CHECKING:
    from seg.spec import EnsembleSpec, MemberSpec
    from seg.spec.recipe.sweep import SweepSpec

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The ensemble's YAML.")]
CacheLimit = Annotated[str, typer.Option("--cache-limit", help="The most that the cache of passes may hold.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Also replace what seg did not write.")]
RunMetric = Annotated[
    bool, typer.Option("--run-metric", help="Run the Python file that the spec names as its metric.")
]
MemberName = Annotated[str | None, typer.Option("--member", metavar="NAME", help="Only this member.")]


def require_extra(extra: str, package: str, command: str) -> None:
    """Raise SegError if an optional dependency is not installed."""
    if importlib.util.find_spec(package) is None:
        raise SegError(f"{command} needs {package}: {install_advice(extra)}")


def chosen_members(path: Path, spec: "EnsembleSpec", name: str | None) -> "tuple[MemberSpec, ...]":
    """All members, or the named one; raises SpecError with the nearest name."""
    from seg.spec.base import did_you_mean

    if name is None:
        return spec.members
    names = [member.name for member in spec.members]
    if spec.student and name == spec.student.name:
        return (spec.member_of(spec.student),)
    if name not in names:
        raise SpecError(f"{path}: no member {name!r}: {did_you_mean(name, names)}")
    return (spec.member(name),)


def check_metric_may_run(spec: "EnsembleSpec | SweepSpec", run_metric: bool) -> None:
    """Raise SpecError if the metric is a user's Python file that they did not ask to run.

    A metric of images is named where what counts as an image depends on blocks.
    """
    from seg.spec.dataset.held_out import HeldOutBlocksSpec

    own = spec.metric.own_function
    if own and not run_metric:
        raise SpecError(
            f"metric: {own.file} is Python code, which is not run unasked: read it, then say --run-metric"
        )
    if isinstance(spec.data.val, HeldOutBlocksSpec) and spec.metric.judges_images:
        notice(
            f"metric: {spec.metric.name} judges images, and each block of 'val' counts as one, empty ones"
            " too: 'dataset-dice' does not depend on the blocks"
        )


def check_picture_name(path: Path) -> None:
    """Raise OutputError if the suffix is not that of an image format."""
    from seg.files.image_suffixes import PICTURE_SUFFIXES

    if path.suffix.lower() not in PICTURE_SUFFIXES:
        known = ", ".join(sorted(PICTURE_SUFFIXES))
        raise OutputError(f"{path}: is not an image format that can be written: {known}")


def print_table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, has_numbers: bool = True
) -> None:
    """Print a table; the first column is text, the others are numbers, or text without `has_numbers`."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for position, name in enumerate(header):
        justify: Literal["left", "right"] = "right" if position and has_numbers else "left"
        table.add_column(Text(name), justify=justify, overflow="fold")
    for row in rows:
        # As Text, so that brackets are not parsed as markup.
        table.add_row(*map(Text, row))
    console = Console(width=None if _is_stdout_terminal() else 120)
    # Not printed by rich, which exits with a code of its own if stdout is closed.
    with console.capture() as printed:
        # One line however long its paths are, so that a script can find what it says.
        if title:
            console.print(title, style="italic", markup=False, highlight=False, soft_wrap=True)
        console.print(table)
    typer.echo(printed.get(), nl=False)


def _is_stdout_terminal() -> bool:
    import sys

    return sys.stdout.isatty()
