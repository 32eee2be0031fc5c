"""Lines for the user about what was done without a question, such as a file that was left out."""

import sys
from functools import lru_cache

from seg.words import printable


@lru_cache(maxsize=4096)
def notice(line: str) -> None:
    """Write a line on stderr, above the progress bar where there is one; each line once in a process."""
    sys.stderr.write(f"seg: {printable(line)}\n")
    sys.stderr.flush()
