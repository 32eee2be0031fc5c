"""Progress of long work on stderr: a bar with rate and remaining time, or plain lines.

A terminal gets a rich bar. If stderr is not a terminal (a log file, a CI job), a line is written at the
start, every ten seconds, and at the end.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

PLAIN_LINE_EVERY_S: Final = 10.0


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
    show = _bar if sys.stderr.isatty() else _lines
    with show(title, total, unit, done) as advance:
        yield advance


@contextmanager
def _bar(title: str, total: int, unit: str, done: int) -> Iterator[Advance]:
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
    with rich_progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, completed=done, rate="", note="")
        start = time.monotonic()
        finished = 0

        def advance(steps: int = 1, *, note: str | None = None, line: str | None = None) -> None:
            nonlocal finished
            finished += steps
            bar.update(task, advance=steps, rate=_rate(finished, time.monotonic() - start, unit))
            if note is not None:
                bar.update(task, note=note)
            if line is not None:
                bar.console.print(line, markup=False, highlight=False)

        yield advance


@contextmanager
def _lines(title: str, total: int, unit: str, done: int) -> Iterator[Advance]:
    start = last = time.monotonic()
    finished = 0
    latest_note = ""

    def write() -> None:
        elapsed = time.monotonic() - start
        left = (total - done - finished) * elapsed / finished if finished else None
        parts = [
            f"{title}: {done + finished}/{total} {unit}",
            _rate(finished, elapsed, unit),
            f"{_clock(left)} left" if left else "",
            latest_note,
        ]
        sys.stderr.write(", ".join(part for part in parts if part) + "\n")
        sys.stderr.flush()

    def advance(steps: int = 1, *, note: str | None = None, line: str | None = None) -> None:
        nonlocal finished, last, latest_note
        finished += steps
        latest_note = latest_note if note is None else note
        if line is not None:
            sys.stderr.write(f"{title}: {line}\n")
        if time.monotonic() - last >= PLAIN_LINE_EVERY_S and done + finished < total:
            last = time.monotonic()
            write()

    write()
    yield advance
    write()


def _rate(finished: int, elapsed_s: float, unit: str) -> str:
    return f"{finished / elapsed_s:.1f} {unit}/s" if finished and elapsed_s > 0 else ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
