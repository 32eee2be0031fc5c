"""Lines for the user about what was done without a question, such as a file that was left out.

They go through the logger `seg`, which writes to stderr unless a program that imports us says otherwise.
"""

import logging
from functools import lru_cache

from seg.words import printable


@lru_cache(maxsize=4096)
def notice(line: str) -> None:
    """Tell the user, once in a process."""
    logging.getLogger("seg").warning("seg: %s", printable(line))
