"""Workers as actors of Ray: the only file that knows it."""

import logging
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from seg.engine.cluster.dispatch import Answered, Arrived, Block, Failed, Lost
from seg.engine.cluster.fit import Crew, Machine, fit
from seg.engine.cluster.models import pack
from seg.engine.cluster.worker import BlockResult, Job, Worker
from seg.errors import MissingRuntimeError, SegError, SpecError

CLIENT: Final = "ray://"
NOBODY_FOR_S: Final = 120.0
"""How long to wait for a worker where there is none."""
MOST_FAILED_STARTS: Final = 4
"""So many workers that die while they load, one after another, are no accident."""

Event = Arrived | Answered[BlockResult] | Failed | Lost


@contextmanager
def connected(address: str) -> Iterator[None]:
    """A connection to a cluster: `ray://HOST:PORT`, or `ray`, the one that RAY_ADDRESS names or else a new
    one of this machine alone.

    Raises:
        SpecError: it is neither.
        MissingRuntimeError: no cluster answers there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    quietly: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address != "ray" and not address.startswith(CLIENT):
        raise SpecError(f"--on: is 'ray' or 'ray://HOST:PORT', got {address!r}")
    try:
        if address.startswith(CLIENT):
            ray.init(address, **quietly)
        else:
            # Ray would rather look for a cluster that was here once, for minutes.
            ray.init(os.environ.get("RAY_ADDRESS", "local"), include_dashboard=False, **quietly)
    except (OSError, RuntimeError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MissingRuntimeError(f"--on {address}: no cluster answers: {first}") from error
    try:
        yield
    finally:
        ray.shutdown()


def crew_of_cluster(workers: int | None, gpus: float) -> Crew:
    """How many workers of what size the cluster has room for; raises MissingRuntimeError."""
    import ray

    machines = [
        Machine(int(node["Resources"].get("CPU", 0)), node["Resources"].get("GPU", 0.0))
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]
    return fit(machines, workers, gpus)


@dataclass(slots=True)
class _Hand:
    """An actor with what it is asked, the oldest first; `name` is empty until it has loaded."""

    actor: Any
    asked: deque[Any]
    name: str = ""


@dataclass(slots=True)
class RayFleet:
    """As many actors as the crew has; for one that dies another is begun, where there is room.

    Attributes:
        runs_on: what the workers run on, by name.
    """

    job: Job
    crew: Crew
    gpus: float
    runs_on: dict[str, str] = field(default_factory=dict)
    _hands: list[_Hand] = field(default_factory=list)
    _shipment: tuple[Any, ...] = ()
    _failed_starts: int = 0

    def __post_init__(self) -> None:
        import ray

        members, files = pack(self.job.spec)
        # Arrays, unlike bytes, are shared by all processes of a machine.
        contents = [ray.put(np.fromfile(path, dtype=np.uint8)) for path in files]
        self._shipment = (ray.put(members), *contents)
        for _ in range(self.crew.workers):
            self._begin()

    def submit(self, worker: str, block: Block) -> None:
        hand = next(hand for hand in self._hands if hand.name == worker)
        hand.asked.append(hand.actor.predict.remote(block.images))

    def next_event(self) -> Event:
        import ray

        oldest = {hand.asked[0]: hand for hand in self._hands if hand.asked}
        nobody = not any(hand.name for hand in self._hands)
        done, _ = ray.wait(list(oldest), timeout=NOBODY_FOR_S if nobody else None)
        if not done:
            raise MissingRuntimeError(
                f"--on: no worker could be started in {NOBODY_FOR_S:.0f} s: see 'ray status';"
                " what is done is kept: run the same command again"
            )
        return self._answer(oldest[done[0]])

    def _answer(self, hand: _Hand) -> Event:
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            answer = ray.get(hand.asked.popleft())
        except RayTaskError as error:
            if isinstance(error.cause, SegError):
                raise error.cause from None
            return self._failed(hand, f"{type(error.cause).__name__}: {error.cause}".partition("\n")[0])
        except RayError as error:
            return self._lost(hand, _why(error))
        if hand.name:
            return Answered(hand.name, answer)
        return self._arrived(hand, *answer)

    def _arrived(self, hand: _Hand, where: str, runs_on: str) -> Arrived:
        self._failed_starts = 0
        hand.name = where
        self.runs_on[where] = runs_on
        return Arrived(where)

    def _failed(self, hand: _Hand, reason: str) -> Failed | Lost:
        return Failed(hand.name, reason) if hand.name else self._lost(hand, reason)

    def _lost(self, hand: _Hand, reason: str) -> Lost:
        import ray

        if not hand.name:
            self._failed_starts += 1
            if self._failed_starts == MOST_FAILED_STARTS:
                raise MissingRuntimeError(f"--on: workers die while they load: {reason}")
        self._hands.remove(hand)
        ray.kill(hand.actor)
        self._begin()
        return Lost(hand.name or "a worker that was loading", reason)

    def _begin(self) -> None:
        import ray

        # An image may be what killed a worker: who does it again is decided by `dispatch`, not by Ray.
        options = {"num_cpus": self.crew.cores, "num_gpus": self.gpus, "max_restarts": 0}
        actor: Any = ray.remote(_Actor).options(**options, scheduling_strategy="SPREAD").remote(self.job)
        self._hands.append(_Hand(actor, deque([actor.load.remote(*self._shipment)])))


class _Actor(Worker):
    """A worker that knows where it is."""

    def load(self, members: Any, *contents: Any) -> Any:
        import ray

        runs_on = super().load(members, *contents)
        address = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        return f"{address} process {os.getpid()}", runs_on


def _why(error: Exception) -> str:
    """Ray's account of a death is a page; its kind says what is known."""
    return f"died ({type(error).__name__})"
