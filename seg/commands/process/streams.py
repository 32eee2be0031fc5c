"""Robust stdout and stderr, which may be closed, full, or of an encoding that lacks characters."""

import io
import os
import sys
from typing import Any


def open_standard_streams() -> None:
    """Make stdout print any text, escaping what its encoding lacks, and name it in its errors.

    If stdout or stderr is closed from the start, its output is discarded: not even a library writes it into a
    file that was opened under the stream's number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Takes the lowest number that is free.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            _discard_stream(name)
    stdout = sys.stdout
    if isinstance(stdout, io.TextIOWrapper) and stdout is sys.__stdout__:
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
        _discard_stream("stdout")


def print_on_stderr(text: str) -> None:
    """Print on stderr, if it can be written to."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except (OSError, AttributeError):
        _discard_stream("stderr")


class _NamedStdout(io.FileIO):
    """Standard output, whose errors have its name."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = "standard output"
            raise


def _discard_stream(name: str) -> None:
    setattr(sys, name, io.StringIO())
