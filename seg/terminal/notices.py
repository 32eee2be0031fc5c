"""Notices to the user on stderr: about a skipped file, or what can be done next."""

import sys
from functools import lru_cache
from pathlib import Path

from seg.terminal.events import current_form, emit
from seg.terminal.words import printable


@lru_cache(maxsize=4096)
def notice(line: str) -> None:
    """Write a line on stderr, above the progress bar if there is one; each line once per process."""
    _write(f"seg: {printable(line)}")
    emit("notice", text=printable(line))


def suggest(command: str) -> None:
    """Name what comes next, such as a command, unless the user wants quiet."""
    if current_form() != "quiet":
        _write(f"next: {printable(command)}")
    emit("next", command=printable(command))


def suggest_opening(path: Path) -> None:
    """Name the page, picture or video that was written, as a terminal makes a link of it."""
    suggest(f"open {path.absolute().as_uri()}")


def _write(line: str) -> None:
    if current_form() != "json":
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
