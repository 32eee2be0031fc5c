"""The process of a command: its exit, and what Ctrl-C does from its first line to its last."""

import atexit
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

from seg.errors import EXIT_INTERRUPTED

Handler = Callable[[int, FrameType | None], None]

_IMPORT_SYSTEM: Final = "importlib._bootstrap"


def run_interruptible(arguments: Sequence[str]) -> NoReturn:
    """Run a command line, and exit with its code; Ctrl-C gives code 130 and one line, whenever it comes."""
    code = 1

    def end() -> None:
        """Leave out the teardown of native libraries, which is slow, can crash, and hears no Ctrl-C."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(code)

    atexit.register(end)  # The first that is registered is called last.
    _handle_interrupts_with(_exit_interrupted)
    from seg.commands.app import run_command_line

    _handle_interrupts_with(_raise_keyboard_interrupt)
    code = run_command_line(arguments)
    _handle_interrupts_with(_exit_interrupted)
    sys.exit(code)


def _handle_interrupts_with(handler: Handler) -> None:
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # As in a shell's background job.
        signal.signal(signal.SIGINT, handler)


def _raise_keyboard_interrupt(number: int, frame: FrameType | None) -> None:
    """Let a command put away its files and processes, unless it is importing modules.

    An import may swallow a KeyboardInterrupt, print its traceback or, in C++, abort.
    """
    inner = frame
    while inner is not None:
        if inner.f_globals.get("__name__") == _IMPORT_SYSTEM:
            _exit_interrupted(number, frame)
        inner = inner.f_back
    raise KeyboardInterrupt


def _exit_interrupted(number: int, frame: FrameType | None) -> NoReturn:
    with suppress(OSError):
        os.write(2, b"seg: interrupted\n")
    os._exit(EXIT_INTERRUPTED)
