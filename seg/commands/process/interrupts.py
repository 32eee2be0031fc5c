"""What stops a command, from its first line to its last: Ctrl-C, SIGTERM, and SIGHUP of a closed terminal.

Each is raised in the main thread as a `StopSignal`, so that all clean-up that Ctrl-C has happens for all.
"""

import atexit
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

from seg.stop_signals import STOP_SIGNALS, StopSignal
from seg.terminal.events import current_output_form, event_line

Handler = Callable[[int, FrameType | None], None]

_IMPORT_SYSTEM: Final = "importlib._bootstrap"


def run_interruptible(arguments: Sequence[str]) -> NoReturn:
    """Run a command line, and exit with its code; a signal gives 128 and its number, whenever it comes."""
    code = 1

    def end() -> None:
        """Leave out the teardown of native libraries, which is slow, can crash, and hears no Ctrl-C."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(code)

    atexit.register(end)  # The first that is registered is called last.
    _handle_stop_signals_with(_exit_at_once)
    from seg.commands.app import run_command_line

    _handle_stop_signals_with(_raise_stop_signal)
    code = run_command_line(arguments)
    _handle_stop_signals_with(_exit_at_once)
    sys.exit(code)


def stop_line(stopped: StopSignal, advice: str = "") -> str:
    """What is written on stderr, in the form that is asked for: a line of text, or an event."""
    text = f"{stopped}{advice}"
    if current_output_form() == "json":
        return event_line("stopped", text=text, signal=stopped.signal.name, exit_code=stopped.exit_code)
    return f"seg: {text}"


def _handle_stop_signals_with(handler: Handler) -> None:
    for number in STOP_SIGNALS:
        # A shell's job in the background ignores SIGINT, and one under nohup SIGHUP.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _raise_stop_signal(number: int, frame: FrameType | None) -> None:
    """Let a command put away its files and processes, unless it is importing modules.

    An import may swallow a KeyboardInterrupt, print its traceback or, in C++, abort.
    """
    inner = frame
    while inner is not None:
        if inner.f_globals.get("__name__") == _IMPORT_SYSTEM:
            _exit_at_once(number, frame)
        inner = inner.f_back
    raise StopSignal(number)


def _exit_at_once(number: int, _: FrameType | None) -> NoReturn:
    stopped = StopSignal(number)
    with suppress(OSError):
        os.write(2, f"{stop_line(stopped)}\n".encode())
    os._exit(stopped.exit_code)
