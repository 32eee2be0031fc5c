"""The engine process as the HTTP process sees it: tasks go in, encoded results come out."""

import itertools
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Final, Self

from seg.engine.runtimes.base import ImagesNHWC
from seg.engine.serve.http.errors import HttpError
from seg.engine.serve.labelling.encoding import Encoded
from seg.engine.serve.labelling.messages import (
    CancelTask,
    EngineFacts,
    EngineFigures,
    LabellingTask,
    Result,
    TaskDone,
    TaskFailed,
)
from seg.engine.serve.labelling.worker import EngineOptions
from seg.errors import SegError

log = logging.getLogger("seg.serve")

ARENAS: Final = {"MALLOC_ARENA_MAX": "2"}
"""glibc keeps what is freed for each of many threads, which adds up; two do as well here."""


class EngineDiedError(SegError):
    """The engine process ended before it was ready."""


@dataclass(frozen=True, slots=True)
class EngineProcess:
    """A process that is ready, the pipe to it, and how it is ended."""

    pipe: Connection
    facts: EngineFacts
    end: Callable[[], None]

    @classmethod
    def start(cls, options: EngineOptions) -> Self:
        """Start a process, and wait until it has loaded the ensemble.

        Raises:
            SegError: it cannot be loaded, or not within the memory.
        """
        ours, theirs = Pipe()
        process = subprocess.Popen(
            [sys.executable, "-m", "seg.engine.serve.labelling.worker", str(theirs.fileno())],
            env=ARENAS | os.environ,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            # Ctrl-C is for the server, which answers those inside before it ends. Not a session of its own:
            # Linux shares processors out among sessions first, and priorities count within one.
            process_group=0,
        )
        theirs.close()

        def end() -> None:
            process.kill()
            process.wait()

        try:
            ours.send(options)
            return cls(ours, wait_for_engine(ours), end)
        except BaseException:
            end()
            raise


def wait_for_engine(pipe: Connection) -> EngineFacts:
    """Wait for the first message of an engine process; raises what kept it from starting."""
    try:
        message = pipe.recv()
    except (EOFError, OSError) as error:
        raise EngineDiedError("the engine's process ended while it loaded the models") from error
    if isinstance(message, Exception):
        raise message
    facts: EngineFacts = message
    return facts


class Engine:
    """Hands tasks to an engine process, which is replaced when it dies.

    Attributes:
        facts: of the first process.
        figures: the newest.
        is_ready: whether there is a process that takes tasks.
    """

    def __init__(self, process: EngineProcess, start: Callable[[], EngineProcess]) -> None:
        """`start` gives another process; it may take long."""
        self.facts = process.facts
        self.figures = EngineFigures()
        self.is_ready = True
        self._process = process
        self._start = start
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Encoded]] = {}
        self._lock = threading.Lock()
        self._is_closed = False
        # One thread, so that messages and their pixels stay in order.
        self._sending = ThreadPoolExecutor(1, thread_name_prefix="seg-send")
        self._listener = threading.Thread(target=self._listen, name="seg-listen", daemon=True)
        self._listener.start()

    def submit(self, result: Result, images_nhwc: ImagesNHWC, request_id: str = "") -> "Future[Encoded]":
        """The encoded result for images, RGB uint8 `[N, H, W, 3]`.

        The future raises HttpError (500) where the engine fails on them.

        Raises:
            HttpError: 503 where the engine is not there.
        """
        task = LabellingTask(next(self._numbers), result, images_nhwc.shape, request_id)
        future: Future[Encoded] = Future()
        # So it cannot be cancelled: it ends when the engine is done with it.
        future.set_running_or_notify_cancel()
        with self._lock:
            if not self.is_ready:
                raise HttpError(HTTPStatus.SERVICE_UNAVAILABLE, "the engine is starting: try again")
            self._waiting[task.number] = future
        self._sending.submit(self._send, task, images_nhwc)
        return future

    def cancel(self, future: "Future[Encoded]") -> None:
        """Say that nobody waits for a result; the future ends when the engine is done with it."""
        numbers = [number for number, one in self._waiting.copy().items() if one is future]
        for number in numbers:
            self._sending.submit(self._send, CancelTask(number), None)

    def close(self) -> None:
        """End the process."""
        self._is_closed = True
        self._sending.shutdown()
        self._process.end()
        self._listener.join()
        self._process.pipe.close()

    def _send(self, message: LabellingTask | CancelTask, images_nhwc: ImagesNHWC | None) -> None:
        # What is sent to a process that died fails with all others: see `_listen`.
        with suppress(OSError):
            self._process.pipe.send(message)
            if images_nhwc is not None:
                self._process.pipe.send_bytes(images_nhwc.reshape(-1).data)

    def _listen(self) -> None:
        while True:
            with suppress(EOFError, OSError):
                while True:
                    self._note(self._process.pipe.recv())
            self._fail_all()
            if self._is_closed:
                return
            log.error("the engine's process ended: another is started")
            self._process.end()
            self._process.pipe.close()
            try:
                self._process = self._start()
            except Exception as error:
                log.error("the engine cannot start again: %s", error)
                return
            if self._has_ended():
                self._process.end()
                return
            self.is_ready = True

    def _has_ended(self) -> bool:
        """Whether it was closed, which another thread may do at any moment."""
        return self._is_closed

    def _note(self, message: TaskDone | TaskFailed | EngineFigures) -> None:
        if isinstance(message, EngineFigures):
            self.figures = message
            return
        self.figures = message.figures
        content = self._process.pipe.recv_bytes() if isinstance(message, TaskDone) else b""
        with self._lock:
            future = self._waiting.pop(message.number)
        if isinstance(message, TaskDone):
            future.set_result((content, message.headers))
        else:
            future.set_exception(HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, message.line))

    def _fail_all(self) -> None:
        with self._lock:
            self.is_ready = False
            waiting = list(self._waiting.values())
            self._waiting.clear()
        self.figures = replace(self.figures, waiting=0, begun=0)
        for future in waiting:
            future.set_exception(HttpError(HTTPStatus.INTERNAL_SERVER_ERROR, "the engine's process ended"))
