"""Progress of long work on stderr: a bar, plain lines or events, by what stderr is.

A terminal gets a bar with rate and remaining time, a notebook a bar of its own, a log file or CI job a line
at the start, every ten seconds and at the end, and a program events (`seg --json`). With `seg --quiet`
nothing is shown.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from seg.terminal.events import current_output_form
from seg.terminal.progress.displays import Display, EventLines, PlainLines, TerminalBar
from seg.terminal.progress.notebook import NotebookBar, is_notebook
from seg.terminal.progress.tally import ProgressTally


class Advance(Protocol):
    """Reports that `steps` more units are done.

    `note` replaces the text after the bar; `line` is printed above it.
    """

    def __call__(self, steps: int = 1, *, note: str | None = None, line: str | None = None) -> None: ...


@contextmanager
def progress(title: str, total: int, *, unit: str, done: int = 0) -> Iterator[Advance]:
    """Show progress over `total` units of work, of which `done` were done in an earlier run.

    The rate and the time left count only what this run does.
    """
    tally, display = ProgressTally(title, total, unit, done), _display_of_progress()

    def advance(steps: int = 1, *, note: str | None = None, line: str | None = None) -> None:
        tally.add(steps, note)
        if line is not None:
            display.line(tally, line)
        display.update(tally)

    with display.showing(tally):
        yield advance


def _display_of_progress() -> Display:
    form = current_output_form()
    if form != "text":
        return EventLines() if form == "json" else Display()
    if is_notebook():
        return NotebookBar()
    return TerminalBar() if sys.stderr.isatty() else PlainLines()
