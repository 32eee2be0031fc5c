"""What all fleets of workers do with what these answer, whatever the workers run in."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Generic, TypeVar

from seg.engine.cluster.dispatch import Answered, Arrived, Block, Failed, Lost
from seg.engine.cluster.sizing import WorkerLayout
from seg.engine.cluster.worker import BlockResult, Job
from seg.errors import MissingRuntimeError

MOST_FAILED_STARTS: Final = 4
"""So many workers that die while they load, one after another, are no accident."""

Event = Arrived | Answered[BlockResult] | Failed | Lost


@dataclass(slots=True, kw_only=True, eq=False)
class WorkerHandle:
    """A worker. It has a name only once it has loaded, so that it equals none but itself."""

    name: str = ""


SomeHandle = TypeVar("SomeHandle", bound=WorkerHandle)


@dataclass(slots=True)
class WorkerPool(ABC, Generic[SomeHandle]):
    """As many workers as the crew has; for one that dies another is begun, where there is room.

    Attributes:
        asked_by: the option that a user gave for it.
        runs_on: what the workers run on, by name.
        notes: what a user should know about how runtimes were chosen, a line each.
    """

    asked_by: ClassVar[str]

    job: Job
    layout: WorkerLayout
    notes: Sequence[str] = field(default=(), kw_only=True)
    runs_on: dict[str, str] = field(default_factory=dict, init=False)
    _handles: list[SomeHandle] = field(default_factory=list, init=False)
    _failed_starts: int = field(default=0, init=False)

    @abstractmethod
    def submit(self, worker: str, block: Block) -> None:
        """Give a worker a block behind those that it has."""

    @abstractmethod
    def next_event(self) -> Event:
        """What happens next; raises SegError where nothing can."""

    @abstractmethod
    def _begin_one(self) -> SomeHandle:
        """Begin a worker, which loads and then says its name and what it runs on."""

    @abstractmethod
    def _end_one(self, handle: SomeHandle) -> None:
        """Make sure that nothing of a worker is left."""

    def begin(self) -> None:
        """Begin all workers."""
        for _ in range(self.layout.workers):
            self._handles.append(self._begin_one())

    def _named(self, worker: str) -> SomeHandle:
        return next(handle for handle in self._handles if handle.name == worker)

    def _answered(self, handle: SomeHandle, answer: Any) -> Event:
        if handle.name:
            return Answered(handle.name, answer)
        self._failed_starts = 0
        handle.name, self.runs_on[handle.name] = answer
        return Arrived(handle.name)

    def _failed(self, handle: SomeHandle, reason: str) -> Event:
        return Failed(handle.name, reason) if handle.name else self._lost(handle, reason)

    def _lost(self, handle: SomeHandle, reason: str) -> Event:
        if not handle.name:
            self._failed_starts += 1
            if self._failed_starts == MOST_FAILED_STARTS:
                raise MissingRuntimeError(f"{self.asked_by}: workers die while they load: {reason}")
        self._end_one(handle)
        self._handles.remove(handle)
        self._handles.append(self._begin_one())
        return Lost(handle.name or "a worker that was loading", reason)


def reason_of(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]
