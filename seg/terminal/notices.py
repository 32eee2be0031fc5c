"""Notices to the user on stderr: about a skipped file, or what can be done next."""

import sys
from functools import lru_cache
from pathlib import Path

from seg.terminal.events import current_output_form, emit_event
from seg.terminal.words import printable_line


@lru_cache(maxsize=4096)
def notice(line: str) -> None:
    """Write a line on stderr, above the progress bar if there is one; each line once per process."""
    _write_notice(f"seg: {printable_line(line)}")
    emit_event("notice", text=printable_line(line))


def suggest_next(command: str) -> None:
    """Name what comes next, such as a command, unless the user wants quiet."""
    if current_output_form() != "quiet":
        _write_notice(f"next: {printable_line(command)}")
    emit_event("next", command=printable_line(command))


def suggest_opening(path: Path) -> None:
    """Name the page, picture or video that was written, as a terminal makes a link of it."""
    suggest_next(f"open {path.absolute().as_uri()}")


def _write_notice(line: str) -> None:
    if current_output_form() != "json":
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
