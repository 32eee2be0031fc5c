"""Child processes with a pipe, which end with their parent however it ends."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Final, Self

from seg.engine.cluster.affinity import Affinity
from seg.engine.cluster.pool import error_in_one_line
from seg.errors import SegError
from seg.stop_signals import start_resource_tracker

EXIT_TIMEOUT_S: Final = 10.0
"""The seconds that a process may take to end after it closed its pipe."""

Pipe = Connection
"""Sends and receives anything that can be pickled."""


class ChildDiedError(Exception):
    """A child process has died; the message tells how."""


@dataclass(frozen=True, slots=True)
class ChildFailure:
    """The request failed unexpectedly, for a reason that no user can fix."""

    reason: str


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """A child process and the pipe to it."""

    process: SpawnProcess
    pipe: Pipe

    @classmethod
    def start(cls, affinity: Affinity, work: Callable[..., None], *arguments: Any) -> Self:
        """Start a process that applies its affinity and calls `work` with its end of a pipe and arguments.

        It is spawned, so that it inherits nothing of this process, such as CUDA's state, but what is pickled.
        """
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_run_child, args=(affinity, work, theirs, *arguments), daemon=True)
        with _children_ignore_interrupts():
            process.start()
        theirs.close()
        return cls(process, ours)

    def send(self, message: Any) -> None:
        """Send a message; if the child is dead, the next `receive` raises."""
        with suppress(ConnectionError):
            self.pipe.send(message)

    def receive(self) -> Any:
        """The next message, which may be a `ChildFailure`.

        Raises:
            SegError: the child sent one.
            DiedError: the child has died.
        """
        try:
            message = self.pipe.recv()
        except (EOFError, OSError) as error:
            raise ChildDiedError(self._exit_reason()) from error
        if isinstance(message, SegError):
            raise message
        return message

    def kill(self) -> None:
        """Kill it; its finished results were already sent."""
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def _exit_reason(self) -> str:
        self.process.join(EXIT_TIMEOUT_S)
        code = self.process.exitcode
        if code is None:
            return "does not respond"
        return f"died ({signal.strsignal(-code)})" if code < 0 else f"died (exit code {code})"


def result_or_error(do: Callable[[], Any]) -> Any:
    """The result of a call, or its SegError, or a `ChildFailure` for any other exception."""
    try:
        return do()
    except SegError as error:
        return error
    except Exception as error:
        return ChildFailure(error_in_one_line(error))


def _run_child(affinity: Affinity, work: Callable[..., None], pipe: Pipe, *arguments: Any) -> None:
    affinity.apply()
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):
        work(pipe, *arguments)


def _exit_with_parent() -> None:
    """Exit as soon as the parent ends: a killed parent cannot notify its children."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


@contextmanager
def _children_ignore_interrupts() -> Iterator[None]:
    """Start children that ignore Ctrl-C, which a terminal sends to all processes; the parent handles it."""
    if sys.platform == "win32":
        yield
        return
    # It would start with the first child, and reset the mask.
    start_resource_tracker()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
