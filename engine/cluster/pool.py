"""The common part of all worker pools: start workers, replace dead ones, turn messages into events."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Generic, TypeVar

from seg.engine.cluster.dispatch import Block, Died, Failed, Finished, Ready
from seg.engine.cluster.sizing import WorkerLayout
from seg.engine.cluster.worker import BlockResult, WorkerJob
from seg.errors import MissingRuntimeError

MAX_FAILED_STARTS: Final = 4
"""After this many failed starts in a row, the run is given up."""

Event = Ready | Finished[BlockResult] | Failed | Died


@dataclass(slots=True, kw_only=True, eq=False)
class WorkerHandle:
    """A worker. It has no name until it has loaded, so it is compared by identity."""

    name: str = ""


SomeHandle = TypeVar("SomeHandle", bound=WorkerHandle)


@dataclass(slots=True)
class WorkerPool(ABC, Generic[SomeHandle]):
    """A fixed number of workers; a dead worker is replaced.

    Attributes:
        option: the command-line option that asks for such a pool, for messages.
        runs_on: the runtimes of each worker, by its name.
        notes: for the user, on how runtimes were chosen, a line each.
    """

    option: ClassVar[str]

    job: WorkerJob
    layout: WorkerLayout
    notes: Sequence[str] = field(default=(), kw_only=True)
    runs_on: dict[str, str] = field(default_factory=dict, init=False)
    _handles: list[SomeHandle] = field(default_factory=list, init=False)
    _failed_starts: int = field(default=0, init=False)

    @abstractmethod
    def submit(self, worker: str, block: Block) -> None:
        """Queue a block at a worker."""

    @abstractmethod
    def next_event(self) -> Event:
        """Wait for the next event; raises SegError if there can be none."""

    @abstractmethod
    def _start_worker(self) -> SomeHandle:
        """Start a worker, which loads and then sends its name and its runtimes."""

    @abstractmethod
    def _stop_worker(self, handle: SomeHandle) -> None:
        """Clean up after a worker."""

    def start(self) -> None:
        """Start all workers."""
        for _ in range(self.layout.workers):
            self._handles.append(self._start_worker())

    def _handle_of(self, worker: str) -> SomeHandle:
        return next(handle for handle in self._handles if handle.name == worker)

    def _on_result(self, handle: SomeHandle, answer: Any) -> Event:
        if handle.name:
            return Finished(handle.name, answer)
        self._failed_starts = 0
        handle.name, self.runs_on[handle.name] = answer
        return Ready(handle.name)

    def _on_failure(self, handle: SomeHandle, reason: str) -> Event:
        return Failed(handle.name, reason) if handle.name else self._on_death(handle, reason)

    def _on_death(self, handle: SomeHandle, reason: str) -> Event:
        if not handle.name:
            self._failed_starts += 1
            if self._failed_starts == MAX_FAILED_STARTS:
                raise MissingRuntimeError(f"{self.option}: workers die while they load: {reason}")
        self._stop_worker(handle)
        self._handles.remove(handle)
        self._handles.append(self._start_worker())
        return Died(handle.name or "a worker that was loading", reason)


def error_in_one_line(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]
