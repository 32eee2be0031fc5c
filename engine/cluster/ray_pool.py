"""Workers as actors of Ray: the only file that knows it."""

import logging
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import numpy as np

import seg
from seg.engine.cluster.dispatch import Block
from seg.engine.cluster.pool import Event, WorkerHandle, WorkerPool, reason_of
from seg.engine.cluster.remote_images import ImageRef
from seg.engine.cluster.ship_models import Packed, pack, unpack
from seg.engine.cluster.sizing import Machine, WorkerLayout, fit
from seg.engine.cluster.worker import BlockResult, Job, Worker
from seg.errors import MissingRuntimeError, SegError, SpecError
from seg.spec import EnsembleSpec
from seg.spec.prediction import RuntimeName

CLIENT: Final = "ray://"
NOBODY_FOR_S: Final = 120.0
"""How long to wait for a worker where there is none."""


@contextmanager
def actors(
    spec: EnsembleSpec, address: str, workers: int | None, gpus: float, *, strict: bool, memory: int | None
) -> "Iterator[RayPool]":
    """A fleet on a cluster; see `seg.engine.cluster.run`."""
    with connected(address):
        layout = layout_of_cluster(workers, gpus)
        job = Job(spec, _one_for_all(spec, gpus), layout.cores, strict, memory)
        pool = RayPool(job, layout, gpus, _shipment(spec))
        pool.begin()
        yield pool


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
        raise SpecError(f"--cluster: is 'ray' or 'ray://HOST:PORT', got {address!r}")
    try:
        if address.startswith(CLIENT):
            ray.init(address, **quietly)
        else:
            # Ray would rather look for a cluster that was here once, for minutes.
            ray.init(os.environ.get("RAY_ADDRESS", "local"), include_dashboard=False, **quietly)
    except (OSError, RuntimeError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MissingRuntimeError(f"--cluster {address}: no cluster answers: {first}") from error
    try:
        yield
    finally:
        ray.shutdown()


def layout_of_cluster(workers: int | None, gpus: float) -> WorkerLayout:
    """How many workers of what size the cluster has room for; raises MissingRuntimeError."""
    import ray

    machines = [
        Machine(int(node["Resources"].get("CPU", 0)), node["Resources"].get("GPU", 0.0))
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]
    return fit(machines, workers, gpus)


def _one_for_all(spec: EnsembleSpec, gpus: float) -> list[RuntimeName]:
    """The runtime of each member; machines that choose by timing may choose differently."""
    name: RuntimeName = ("cuda" if gpus else "cpu") if spec.runtime == "auto" else spec.runtime
    return [name] * len(spec.running)


def _shipment(spec: EnsembleSpec) -> list[Any]:
    import ray

    members, files = pack(spec)
    # Arrays, unlike bytes, are shared by all processes of a machine.
    return [ray.put(members), *(ray.put(np.fromfile(path, dtype=np.uint8)) for path in files)]


@dataclass(slots=True, eq=False)
class _Handle(WorkerHandle):
    """An actor with what it is asked, the oldest first."""

    actor: Any
    asked: deque[Any]


@dataclass(slots=True)
class RayPool(WorkerPool[_Handle]):
    """An actor for each worker; `shipment` is what it loads, as references to Ray's object store."""

    asked_by: ClassVar[str] = "--cluster"

    gpus: float
    shipment: Sequence[Any]

    def submit(self, worker: str, block: Block) -> None:
        handle = self._named(worker)
        handle.asked.append(handle.actor.predict.remote(block.images))

    def next_event(self) -> Event:
        import ray

        oldest = {handle.asked[0]: handle for handle in self._handles if handle.asked}
        nobody = not any(handle.name for handle in self._handles)
        done, _ = ray.wait(list(oldest), timeout=NOBODY_FOR_S if nobody else None)
        if not done:
            raise MissingRuntimeError(
                f"--cluster: no worker could be started in {NOBODY_FOR_S:.0f} s: see 'ray status';"
                " what is done is kept: run the same command again"
            )
        return self._answer(oldest[done[0]])

    def _answer(self, handle: _Handle) -> Event:
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            answer = ray.get(handle.asked.popleft())
        except RayTaskError as error:
            if isinstance(error.cause, SegError):
                raise error.cause from None
            return self._failed(handle, reason_of(error.cause))
        except RayError as error:
            return self._lost(handle, _why(error))
        return self._answered(handle, answer)

    def _begin_one(self) -> _Handle:
        import ray

        # An image may be what killed a worker: who does it again is decided by `dispatch`, not by Ray.
        options = {"num_cpus": self.layout.cores, "num_gpus": self.gpus, "max_restarts": 0}
        actor: Any = ray.remote(_Actor).options(**options, scheduling_strategy="SPREAD").remote(self.job)
        return _Handle(actor=actor, asked=deque([actor.load.remote(*self.shipment)]))

    def _end_one(self, handle: _Handle) -> None:
        import ray

        ray.kill(handle.actor)


class _Actor:
    """A worker that is made at once, and loads when its models have come."""

    _worker: Worker

    def __init__(self, job: Job) -> None:
        self._job = job

    def load(self, members: Mapping[str, Sequence[Packed]], *contents: bytes) -> tuple[str, str]:
        """Where this is, and what it runs on.

        Args:
            members: the files of each member's model, by its name.
            contents: of all of these, in their order.

        Raises:
            SegError: this machine cannot do the job, and why.
        """
        import ray

        if self._job.version != seg.__version__:
            raise MissingRuntimeError(
                f"--cluster: a worker has seg {seg.__version__}, and this machine {self._job.version}:"
                " install the same everywhere"
            )
        self._worker = Worker(replace(self._job, spec=unpack(self._job.spec, members, contents)))
        address = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        return f"{address} process {os.getpid()}", self._worker.runs_on

    def predict(self, images: Sequence[ImageRef]) -> BlockResult:
        return self._worker.predict(images)


def _why(error: Exception) -> str:
    """Ray's account of a death is a page; its kind says what is known."""
    return f"died ({type(error).__name__})"
