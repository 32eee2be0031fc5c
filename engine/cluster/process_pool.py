"""Workers as processes of this machine, each in a seat of its own."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from typing import ClassVar

from seg.engine.cluster.affinity import Affinity, affinities, whole_machine
from seg.engine.cluster.child_process import Child, DiedError, Pipe, Unable, attempt
from seg.engine.cluster.dispatch import Block
from seg.engine.cluster.pool import Event, WorkerHandle, WorkerPool
from seg.engine.cluster.sizing import WorkerLayout
from seg.engine.cluster.worker import Job, Worker
from seg.engine.load import ChosenRuntimes, choose_member_runtimes
from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.hardware import default_streams, usable_cores
from seg.engine.runtimes.nvidia import needs_nvidia
from seg.errors import MissingRuntimeError
from seg.experimental import warnings_of
from seg.spec import EnsembleSpec


@contextmanager
def processes(spec: EnsembleSpec, count: int, *, strict: bool, memory: int | None) -> "Iterator[ProcessPool]":
    """A fleet of so many processes, none of which is left behind.

    Raises:
        MissingRuntimeError: there are not so many devices.
    """
    chosen = _choose(spec)
    taken = affinities(count, chosen.runtimes)
    layout = WorkerLayout(count, max(1, usable_cores() // count))
    notes = [*chosen.notes, *(warnings_of(["--devices on GPUs"]) if needs_nvidia(chosen.runtimes) else [])]
    pool = ProcessPool(Job(spec, chosen.runtimes, layout.cores, strict, memory), layout, taken, notes=notes)
    try:
        pool.begin()
        yield pool
    finally:
        pool.end()


@dataclass(slots=True, eq=False)
class _Handle(WorkerHandle):
    """A process in its seat."""

    affinity: Affinity
    child: Child


@dataclass(slots=True)
class ProcessPool(WorkerPool[_Handle]):
    """A process for each seat; in that of one that dies another is begun."""

    asked_by: ClassVar[str] = "--devices"

    affinities: Sequence[Affinity]

    def submit(self, worker: str, block: Block) -> None:
        self._named(worker).child.send(block.images)

    def next_event(self) -> Event:
        ready = wait([handle.child.pipe for handle in self._handles])
        handle = next(handle for handle in self._handles if handle.child.pipe in ready)
        # Who was heard goes to the end, so that nobody waits for long.
        self._handles.remove(handle)
        self._handles.append(handle)
        try:
            answer = handle.child.receive()
        except DiedError as error:
            return self._lost(handle, str(error))
        if isinstance(answer, Unable):
            return self._failed(handle, answer.reason)
        return self._answered(handle, answer)

    def end(self) -> None:
        """End all processes."""
        for handle in self._handles:
            handle.child.end()

    def _begin_one(self) -> _Handle:
        taken = [handle.affinity for handle in self._handles]
        affinity = next(affinity for affinity in self.affinities if affinity not in taken)
        return _Handle(affinity=affinity, child=Child.begin(affinity, work, affinity.device, self.job))

    def _end_one(self, handle: _Handle) -> None:
        handle.child.end()


def work(pipe: Pipe, device: str | None, job: Job) -> None:
    """Load, then predict one block after another, in a process of its own."""
    worker = attempt(partial(Worker, job))
    if not isinstance(worker, Worker):
        pipe.send(worker)
        return
    name = f"process {os.getpid()}"
    pipe.send((name if device is None else f"GPU {device} {name}", worker.runs_on))
    while True:
        pipe.send(attempt(partial(worker.predict, pipe.recv())))


def _choose(spec: EnsembleSpec) -> ChosenRuntimes:
    """What runs the members in all workers, who may not choose for themselves; see `Job`."""
    streams = default_streams(usable_cores())
    if spec.runtime != "auto":
        return choose_member_runtimes(spec, streams)
    # In a process of its own: what CUDA takes on the first device is given back only when one ends.
    child = Child.begin(whole_machine(), _tell_choice, spec, streams)
    try:
        answer = child.receive()
    except DiedError as error:
        raise MissingRuntimeError(f"runtime: auto: the process that tried the runtimes {error}") from None
    finally:
        child.end()
    if isinstance(answer, Unable):
        raise MissingRuntimeError(f"runtime: auto: the runtimes cannot be tried: {answer.reason}")
    chosen: ChosenRuntimes = answer
    return chosen


def _tell_choice(pipe: Pipe, spec: EnsembleSpec, streams: Streams) -> None:
    pipe.send(attempt(partial(choose_member_runtimes, spec, streams)))
