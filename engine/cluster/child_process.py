"""Processes of this machine that work for another, and end with it however that ends."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Final, Self

from seg.engine.cluster.affinity import Affinity
from seg.engine.cluster.pool import reason_of
from seg.errors import SegError

DIES_IN_S: Final = 10.0
"""How long a process that has closed its pipe may take to end."""

Pipe = Connection
"""Takes and gives what can be pickled."""


class DiedError(Exception):
    """A child is gone, and how it ended."""


@dataclass(frozen=True, slots=True)
class Unable:
    """What was asked cannot be done, for a reason that no user can mend."""

    reason: str


@dataclass(frozen=True, slots=True)
class Child:
    """A process and the pipe to it."""

    process: SpawnProcess
    pipe: Pipe

    @classmethod
    def begin(cls, affinity: Affinity, work: Callable[..., None], *arguments: Any) -> Self:
        """Let a process take its seat and call `work` with its end of a pipe and the arguments.

        Nothing of this process is in it but what is pickled, CUDA least of all.
        """
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_run, args=(affinity, work, theirs, *arguments), daemon=True)
        with _deaf_to_interrupts():
            process.start()
        theirs.close()
        return cls(process, ours)

    def send(self, message: Any) -> None:
        """Leave a message; where nobody is left to read it, `receive` says so."""
        with suppress(ConnectionError):
            self.pipe.send(message)

    def receive(self) -> Any:
        """The next message, which may be Unable.

        Raises:
            SegError: it is one.
            DiedError: there will be none.
        """
        try:
            message = self.pipe.recv()
        except (EOFError, OSError) as error:
            raise DiedError(self._how_it_ended()) from error
        if isinstance(message, SegError):
            raise message
        return message

    def end(self) -> None:
        """Kill it: what it has done was sent, and the rest is of no use to anyone."""
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def _how_it_ended(self) -> str:
        self.process.join(DIES_IN_S)
        code = self.process.exitcode
        if code is None:
            return "does not answer"
        return f"died ({signal.strsignal(-code)})" if code < 0 else f"died (exit code {code})"


def attempt(do: Callable[[], Any]) -> Any:
    """What it returns, or the SegError that it raises, or Unable."""
    try:
        return do()
    except SegError as error:
        return error
    except Exception as error:
        return Unable(reason_of(error))


def _run(affinity: Affinity, work: Callable[..., None], pipe: Pipe, *arguments: Any) -> None:
    affinity.take()
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):
        work(pipe, *arguments)


def _leave_with_parent() -> None:
    """End at once: a parent that was killed has told nobody."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ctrl-C goes to all processes of a terminal; those that are begun here leave the answer to this one."""
    if sys.platform == "win32":
        yield
        return
    # It is begun with the first child, and takes the mask away then.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
