"""Robust stdout and stderr, which may be closed, full, or of an encoding that lacks characters."""

import io
import sys
from typing import Any


def open_stdout() -> None:
    """Make stdout print any text, escaping what its encoding lacks, and name it in its errors.

    If it is closed from the start, output is discarded.
    """
    stdout = sys.stdout
    if stdout is None:
        _discard("stdout")
    elif isinstance(stdout, io.TextIOWrapper) and stdout is sys.__stdout__:
        stdout.flush()
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_NamedStdout(stdout.fileno(), "w", closefd=False)),
            encoding=stdout.encoding,
            errors="backslashreplace",
            line_buffering=stdout.line_buffering,
        )


def close_stdout() -> None:
    """Flush stdout, and discard what cannot be written, so that the interpreter does not fail at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard("stdout")


def print_error(text: str) -> None:
    """Print on stderr, if it can be written to."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except (OSError, AttributeError):
        _discard("stderr")


class _NamedStdout(io.FileIO):
    """Standard output, whose errors have its name."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = "standard output"
            raise


def _discard(name: str) -> None:
    setattr(sys, name, io.StringIO())
