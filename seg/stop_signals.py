"""The signals that stop a command: Ctrl-C (SIGINT), SIGTERM, and SIGHUP of a closed terminal.

`seg.commands.process.interrupts` raises each as a `StopSignal` in the main thread. `kept_signal_handlers`
keeps libraries from replacing the handlers.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

STOP_SIGNALS: Final = tuple(
    signal.Signals(number)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if (number := getattr(signal, name, None)) is not None  # Windows has no SIGHUP.
)

_OF_SIGNALS: Final = 128
"""Shells add it to a signal's number."""


class StopSignal(KeyboardInterrupt):
    """A signal that stops the command. Libraries handle it as Ctrl-C.

    Attributes:
        signal: which one.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)

    @property
    def exit_code(self) -> int:
        return _OF_SIGNALS + self.signal

    def __str__(self) -> str:
        return "interrupted" if self.signal == signal.SIGINT else f"stopped by {self.signal.name}"


def ignore_stop_signals() -> None:
    """Ignore them in a process that ends when its parent closes their pipe."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def start_resource_tracker() -> None:
    """Start the process that removes what children share, so that it hears no stop signal and outlives them.

    It is started by the first child else, and ignores SIGINT and SIGTERM only.
    """
    from multiprocessing import resource_tracker

    if sys.platform == "win32":
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        resource_tracker.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def kept_signal_handlers() -> Iterator[None]:
    """Set the handlers of stop signals again after the block, if a library replaced them in it."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        set_signal_handlers(before)


def set_signal_handlers(handlers: "dict[signal.Signals, signal._HANDLER]") -> None:
    """Set handlers, where that is possible: in the main thread."""
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            signal.signal(number, handler)
