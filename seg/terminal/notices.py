"""Notices to the user on stderr, such as about a skipped file."""

import sys
from functools import lru_cache

from seg.terminal.words import printable


@lru_cache(maxsize=4096)
def notice(line: str) -> None:
    """Write a line on stderr, above the progress bar if there is one; each line once per process."""
    sys.stderr.write(f"seg: {printable(line)}\n")
    sys.stderr.flush()
