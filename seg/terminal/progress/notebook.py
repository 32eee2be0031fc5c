"""A progress bar in a notebook: one line that is rewritten, without moving a cursor."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from seg.terminal.progress.displays import Display
from seg.terminal.progress.tally import ProgressTally

EVERY_S: Final = 1.0
"""So that a notebook that keeps all that is written stays small."""

WIDTH: Final = 20
KERNEL_VARIABLE: Final = "JPY_PARENT_PID"


def is_notebook() -> bool:
    """Whether this is the kernel of a notebook, or a command in a cell, whose stderr is a terminal."""
    return KERNEL_VARIABLE in os.environ and (_is_kernel() or sys.stderr.isatty())


class NotebookBar(Display):
    """A line with a bar of characters, without the control sequences that a page would show."""

    @contextmanager
    def showing(self, tally: ProgressTally) -> Iterator[None]:
        self._last, self._length = time.monotonic(), 0
        self._rewrite(_bar_text(tally))
        try:
            yield
        finally:
            self._rewrite(_bar_text(tally), end="\n")

    def update(self, tally: ProgressTally) -> None:
        if time.monotonic() - self._last >= EVERY_S:
            self._last = time.monotonic()
            self._rewrite(_bar_text(tally))

    def line(self, tally: ProgressTally, text: str) -> None:
        self._rewrite(text, end="\n")

    def _rewrite(self, text: str, end: str = "") -> None:
        """Write over the last line, and over all of it."""
        _write_in_notebook(f"\r{text.ljust(self._length)}{end}")
        self._length = 0 if end else len(text)


def _bar_text(tally: ProgressTally) -> str:
    full = WIDTH * tally.done // max(tally.total, 1)
    return f"{'━' * full}{'─' * (WIDTH - full)} {tally.text()}"


def _write_in_notebook(text: str) -> None:
    """On stdout in the kernel itself, whose stderr has the colour of errors."""
    stream = sys.stdout if _is_kernel() else sys.stderr
    stream.write(text)
    stream.flush()


def _is_kernel() -> bool:
    return "ipykernel" in sys.modules
