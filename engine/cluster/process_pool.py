"""Workers as processes of this machine, each in a seat of its own."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from typing import ClassVar

from seg.engine.cluster.affinity import Seat, seat_alone, seats
from seg.engine.cluster.child_process import Child, DiedError, Pipe, Unable, attempt
from seg.engine.cluster.dispatch import Block
from seg.engine.cluster.pool import Event, Hand, WorkerFleet
from seg.engine.cluster.sizing import Crew
from seg.engine.cluster.worker import Job, Worker
from seg.engine.load import Chosen, choose_for
from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.hardware import usable_cores, usual_streams
from seg.errors import MissingRuntimeError
from seg.spec import EnsembleSpec


@contextmanager
def processes(
    spec: EnsembleSpec, count: int, *, strict: bool, memory: int | None
) -> "Iterator[ProcessFleet]":
    """A fleet of so many processes, none of which is left behind.

    Raises:
        MissingRuntimeError: there are not so many devices.
    """
    chosen = _choose(spec)
    taken = seats(count, chosen.runtimes)
    crew = Crew(count, max(1, usable_cores() // count))
    fleet = ProcessFleet(
        Job(spec, chosen.runtimes, crew.cores, strict, memory), crew, taken, notes=chosen.notes
    )
    try:
        fleet.begin()
        yield fleet
    finally:
        fleet.end()


@dataclass(slots=True, eq=False)
class _Hand(Hand):
    """A process in its seat."""

    seat: Seat
    child: Child


@dataclass(slots=True)
class ProcessFleet(WorkerFleet[_Hand]):
    """A process for each seat; in that of one that dies another is begun."""

    asked_by: ClassVar[str] = "--devices"

    seats: Sequence[Seat]

    def submit(self, worker: str, block: Block) -> None:
        self._named(worker).child.send(block.images)

    def next_event(self) -> Event:
        ready = wait([hand.child.pipe for hand in self._hands])
        hand = next(hand for hand in self._hands if hand.child.pipe in ready)
        # Who was heard goes to the end, so that nobody waits for long.
        self._hands.remove(hand)
        self._hands.append(hand)
        try:
            answer = hand.child.receive()
        except DiedError as error:
            return self._lost(hand, str(error))
        if isinstance(answer, Unable):
            return self._failed(hand, answer.reason)
        return self._answered(hand, answer)

    def end(self) -> None:
        """End all processes."""
        for hand in self._hands:
            hand.child.end()

    def _begin_one(self) -> _Hand:
        taken = [hand.seat for hand in self._hands]
        seat = next(seat for seat in self.seats if seat not in taken)
        return _Hand(seat=seat, child=Child.begin(seat, work, seat.device, self.job))

    def _end_one(self, hand: _Hand) -> None:
        hand.child.end()


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


def _choose(spec: EnsembleSpec) -> Chosen:
    """What runs the members in all workers, who may not choose for themselves; see `Job`."""
    streams = usual_streams(usable_cores())
    if spec.runtime != "auto":
        return choose_for(spec, streams)
    # In a process of its own: what CUDA takes on the first device is given back only when one ends.
    child = Child.begin(seat_alone(), _tell_choice, spec, streams)
    try:
        answer = child.receive()
    except DiedError as error:
        raise MissingRuntimeError(f"runtime: auto: the process that tried the runtimes {error}") from None
    finally:
        child.end()
    if isinstance(answer, Unable):
        raise MissingRuntimeError(f"runtime: auto: the runtimes cannot be tried: {answer.reason}")
    chosen: Chosen = answer
    return chosen


def _tell_choice(pipe: Pipe, spec: EnsembleSpec, streams: Streams) -> None:
    pipe.send(attempt(partial(choose_for, spec, streams)))
