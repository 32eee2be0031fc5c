"""Workers as processes of this machine, each with its own cores and GPU."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from typing import ClassVar

from seg.engine.cluster.affinity import Affinity, divide_affinities, whole_machine_affinity
from seg.engine.cluster.child_process import ChildDiedError, ChildFailure, ChildProcess, Pipe, result_or_error
from seg.engine.cluster.dispatch import Block
from seg.engine.cluster.pool import Event, WorkerHandle, WorkerPool
from seg.engine.cluster.sizing import WorkerLayout
from seg.engine.cluster.worker import Worker, WorkerJob
from seg.engine.load import ChosenRuntimes, choose_member_runtimes
from seg.engine.resolved import ResolvedEnsemble
from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.hardware import default_streams, usable_cores
from seg.engine.runtimes.nvidia.nvidia import needs_nvidia
from seg.errors import MissingRuntimeError
from seg.experimental import warnings_of_experimental


@contextmanager
def open_process_pool(
    resolved: ResolvedEnsemble, count: int, *, strict: bool, memory: int | None
) -> "Iterator[ProcessPool]":
    """A pool of `count` processes, all of which are ended on exit.

    Raises:
        MissingRuntimeError: there are too few devices.
    """
    chosen = _choose_runtimes_of_pool(resolved)
    taken = divide_affinities(count, chosen.runtimes)
    layout = WorkerLayout(count, max(1, usable_cores() // count))
    notes = [
        *chosen.notes,
        *(warnings_of_experimental(["--devices on GPUs"]) if needs_nvidia(chosen.runtimes) else []),
    ]
    job = WorkerJob(resolved.spec, chosen.runtimes, layout.cores, strict, memory)
    pool = ProcessPool(job, layout, taken, notes=notes)
    try:
        pool.start()
        yield pool
    finally:
        pool.kill()


@dataclass(slots=True, eq=False)
class _ProcessHandle(WorkerHandle):
    """A process and its affinity."""

    affinity: Affinity
    child: ChildProcess


@dataclass(slots=True)
class ProcessPool(WorkerPool[_ProcessHandle]):
    """A process for each affinity; a dead process is replaced by one with the same affinity."""

    option: ClassVar[str] = "--devices"

    affinities: Sequence[Affinity]

    def submit(self, worker: str, block: Block) -> None:
        self._handle_of(worker).child.send(block.images)

    def next_event(self) -> Event:
        ready = wait([handle.child.pipe for handle in self._handles])
        handle = next(handle for handle in self._handles if handle.child.pipe in ready)
        # Whoever was served goes to the end, so that no worker starves.
        self._handles.remove(handle)
        self._handles.append(handle)
        try:
            answer = handle.child.receive()
        except ChildDiedError as error:
            return self._on_death(handle, str(error))
        if isinstance(answer, ChildFailure):
            return self._on_failure(handle, answer.reason)
        return self._on_result(handle, answer)

    def kill(self) -> None:
        """End all processes."""
        for handle in self._handles:
            handle.child.kill()

    def _start_worker(self) -> _ProcessHandle:
        taken = [handle.affinity for handle in self._handles]
        affinity = next(affinity for affinity in self.affinities if affinity not in taken)
        return _ProcessHandle(
            affinity=affinity,
            child=ChildProcess.start(affinity, run_worker_process, affinity.device, self.job),
        )

    def _stop_worker(self, handle: _ProcessHandle) -> None:
        handle.child.kill()


def run_worker_process(pipe: Pipe, device: str | None, job: WorkerJob) -> None:
    """The main function of a worker process: load, then predict one block after another."""
    worker = result_or_error(partial(Worker, job))
    if not isinstance(worker, Worker):
        pipe.send(worker)
        return
    name = f"process {os.getpid()}"
    pipe.send((name if device is None else f"GPU {device} {name}", worker.runs_on))
    while True:
        pipe.send(result_or_error(partial(worker.predict, pipe.recv())))


def _choose_runtimes_of_pool(resolved: ResolvedEnsemble) -> ChosenRuntimes:
    """The runtimes of the members in all workers, which must not choose themselves; see `WorkerJob`."""
    streams = default_streams(usable_cores())
    if resolved.spec.runtime != "auto":
        return choose_member_runtimes(resolved, streams)
    # In a process of its own: CUDA frees its memory on the first device only when the process ends.
    child = ChildProcess.start(whole_machine_affinity(), _send_runtime_choice, resolved, streams)
    try:
        answer = child.receive()
    except ChildDiedError as error:
        raise MissingRuntimeError(f"runtime: auto: the process that timed the runtimes {error}") from None
    finally:
        child.kill()
    if isinstance(answer, ChildFailure):
        raise MissingRuntimeError(f"runtime: auto: the runtimes cannot be timed: {answer.reason}")
    chosen: ChosenRuntimes = answer
    return chosen


def _send_runtime_choice(pipe: Pipe, resolved: ResolvedEnsemble, streams: Streams) -> None:
    pipe.send(result_or_error(partial(choose_member_runtimes, resolved, streams)))
