"""The displays of progress on stderr: a terminal's bar, plain lines, events, or nothing."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from seg.terminal.events import emit_event
from seg.terminal.progress.tally import ProgressTally

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PLAIN_LINE_EVERY_S: Final = 10.0
EVENT_EVERY_S: Final = 1.0


class Display:
    """Shows a tally from its beginning to its end; this one shows nothing."""

    @contextmanager
    def showing(self, tally: ProgressTally) -> Iterator[None]:
        """Show it until the work is over, or fails."""
        yield

    def update(self, tally: ProgressTally) -> None:
        """Show what has changed."""

    def line(self, tally: ProgressTally, text: str) -> None:
        """Print a line that stays."""


class TerminalBar(Display):
    """A bar of rich."""

    _bar: "Progress"
    _task: "TaskID"

    @contextmanager
    def showing(self, tally: ProgressTally) -> Iterator[None]:
        from rich import progress as rich_progress
        from rich.console import Console

        columns = (
            rich_progress.TextColumn("{task.description}"),
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn("{task.fields[rate]}"),
            rich_progress.TimeElapsedColumn(),
            rich_progress.TextColumn("left"),
            rich_progress.TimeRemainingColumn(elapsed_when_finished=False),
            rich_progress.TextColumn("{task.fields[note]}"),
        )
        with rich_progress.Progress(*columns, console=Console(stderr=True)) as self._bar:
            self._task = self._bar.add_task(
                tally.title, total=tally.total, completed=tally.done, rate="", note=""
            )
            yield

    def update(self, tally: ProgressTally) -> None:
        self._bar.update(self._task, completed=tally.done, rate=tally.rate, note=tally.note)

    def line(self, tally: ProgressTally, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False)


class PlainLines(Display):
    """A line at the start, every ten seconds, and at the end."""

    @contextmanager
    def showing(self, tally: ProgressTally) -> Iterator[None]:
        self._last = time.monotonic()
        _write_progress_line(tally.text())
        yield
        _write_progress_line(tally.text())

    def update(self, tally: ProgressTally) -> None:
        if time.monotonic() - self._last >= PLAIN_LINE_EVERY_S and tally.done < tally.total:
            self._last = time.monotonic()
            _write_progress_line(tally.text())

    def line(self, tally: ProgressTally, text: str) -> None:
        _write_progress_line(f"{tally.title}: {text}")


class EventLines(Display):
    """Events of the beginning, each second, and the end."""

    @contextmanager
    def showing(self, tally: ProgressTally) -> Iterator[None]:
        self._last = time.monotonic()
        emit_event("begin", **_facts_of_tally(tally))
        yield
        emit_event("end", **_facts_of_tally(tally), seconds=round(tally.seconds, 3))

    def update(self, tally: ProgressTally) -> None:
        if time.monotonic() - self._last >= EVENT_EVERY_S:
            self._last = time.monotonic()
            left = tally.seconds_left
            emit_event(
                "progress",
                **_facts_of_tally(tally),
                seconds=round(tally.seconds, 3),
                seconds_left=None if left is None else round(left, 3),
                note=tally.note,
            )

    def line(self, tally: ProgressTally, text: str) -> None:
        emit_event("line", title=tally.title, text=text)


def _facts_of_tally(tally: ProgressTally) -> dict[str, object]:
    return {"title": tally.title, "done": tally.done, "total": tally.total, "unit": tally.unit}


def _write_progress_line(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
