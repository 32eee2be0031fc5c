"""A limit on the time of matching a regular expression: some would take for years."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

LONGEST_S: Final = 2.0


@contextmanager
def match_time_limit() -> Iterator[None]:
    """Interrupts matching after `LONGEST_S` seconds.

    Only in the main thread and where there are timers that signal, so not on Windows.

    Raises:
        ValueError: matching took longer.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _interrupt_matching)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _interrupt_matching(number: int, frame: FrameType | None) -> None:
    raise ValueError(
        f"takes longer than {LONGEST_S:.0f} s to match: put fixed text between its parts, and repeat"
        " none that repeats"
    )
