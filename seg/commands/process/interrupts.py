"""What stops a command, from its first line to its last: Ctrl-C, SIGTERM, and SIGHUP of a closed terminal.

Each is raised in the main thread as a `StopSignal`, so that all clean-up that Ctrl-C has happens for all.
"""

import atexit
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

from seg.stop_signals import STOP_SIGNALS, StopSignal
from seg.terminal.events import current_output_form, event_line

Handler = Callable[[int, FrameType | None], None]

_IMPORT_SYSTEM: Final = "importlib._bootstrap"
_STARTS_A_CHILD: Final = "multiprocessing.popen_spawn_posix"
_MOMENT_S: Final = 0.05


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

    An import may swallow a KeyboardInterrupt, print its traceback or, in C++, abort. A child that is being
    started would print a traceback, so the signal comes again in a moment.
    """
    modules = _modules_at_work(frame)
    if _IMPORT_SYSTEM in modules:
        _exit_at_once(number, frame)
    if _STARTS_A_CHILD in modules:
        again = threading.Timer(_MOMENT_S, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()
        return
    _ignore_ends_of_children()
    raise StopSignal(number)


def _modules_at_work(frame: FrameType | None) -> set[object]:
    """The modules whose functions have not returned yet."""
    found = set()
    while frame is not None:
        found.add(frame.f_globals.get("__name__"))
        frame = frame.f_back
    return found


def _ignore_ends_of_children() -> None:
    """Let child processes end without a word: a signal to the process group stops them, too.

    torch would raise an error for each in the middle of a command's clean-up.
    """
    if child_ended := getattr(signal, "SIGCHLD", None):
        signal.signal(child_ended, signal.SIG_DFL)
    warnings.filterwarnings("ignore", module=r"multiprocessing\.")
    sys.unraisablehook = lambda _: None


def _exit_at_once(number: int, _: FrameType | None) -> NoReturn:
    stopped = StopSignal(number)
    with suppress(OSError):
        os.write(2, f"{stop_line(stopped)}\n".encode())
    os._exit(stopped.exit_code)
