"""Workers as actors of Ray: the only file that uses Ray."""

import logging
import os
import re
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import numpy as np

import seg
from seg.engine.cluster.dispatch import Block
from seg.engine.cluster.pool import Event, WorkerHandle, WorkerPool, error_in_one_line
from seg.engine.cluster.remote_images import ImageRef
from seg.engine.cluster.ship_models import ShippedFile, pack_models, unpack_models
from seg.engine.cluster.sizing import Machine, WorkerLayout, fit_workers
from seg.engine.cluster.worker import BlockResult, Worker, WorkerJob
from seg.errors import MissingRuntimeError, SegError, SpecError
from seg.spec import EnsembleSpec
from seg.spec.ensemble.prediction import RuntimeName
from seg.stop_signals import kept_signal_handlers

CLIENT: Final = "ray://"
NO_WORKER_TIMEOUT_S: Final = 120.0
"""The seconds to wait for a worker if there is none."""


@contextmanager
def open_ray_pool(
    spec: EnsembleSpec, address: str, workers: int | None, gpus: float, *, strict: bool, memory: int | None
) -> "Iterator[RayPool]":
    """A pool of workers on a cluster; see `seg.engine.cluster.run`."""
    with connect_to_ray(address):
        layout = layout_of_ray_cluster(workers, gpus)
        job = WorkerJob(spec, _runtimes_on_ray(spec, gpus), layout.cores, strict, memory)
        pool = RayPool(job, layout, gpus, _models_in_object_store(spec))
        pool.start()
        yield pool


@contextmanager
def connect_to_ray(address: str) -> Iterator[None]:
    """Connect to a cluster: `ray://HOST:PORT`, or `ray` for the one in RAY_ADDRESS, else a new one on this
    machine.

    Raises:
        SpecError: the address is neither.
        MissingRuntimeError: no cluster responds there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with kept_signal_handlers():
        import ray

    quietly: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address != "ray" and not re.match(f"{CLIENT}[^:/]", address):
        raise SpecError(f"--cluster: must be 'ray' or 'ray://HOST:PORT', got {address!r}")
    try:
        with kept_signal_handlers():
            if address.startswith(CLIENT):
                warnings.filterwarnings("ignore", message="Ray Client connection timed out")
                ray.init(address, **quietly)
            else:
                # By default Ray searches for an earlier cluster on this machine, for minutes.
                ray.init(os.environ.get("RAY_ADDRESS", "local"), include_dashboard=False, **quietly)
    except (OSError, RuntimeError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise MissingRuntimeError(f"--cluster {address}: no cluster responds: {first}") from error
    try:
        yield
    finally:
        ray.shutdown()


def layout_of_ray_cluster(workers: int | None, gpus: float) -> WorkerLayout:
    """The number and size of workers that fit on the cluster; raises MissingRuntimeError."""
    import ray

    machines = [
        Machine(int(node["Resources"].get("CPU", 0)), node["Resources"].get("GPU", 0.0))
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]
    return fit_workers(machines, workers, gpus)


def _runtimes_on_ray(spec: EnsembleSpec, gpus: float) -> list[RuntimeName]:
    """The runtime of each member, the same on all machines: by timing, they might choose differently."""
    name: RuntimeName = ("cuda" if gpus else "cpu") if spec.runtime == "auto" else spec.runtime
    return [name] * len(spec.running)


def _models_in_object_store(spec: EnsembleSpec) -> list[Any]:
    import ray

    members, files = pack_models(spec)
    # Arrays, unlike bytes, are shared by all processes of a machine.
    return [ray.put(members), *(ray.put(np.fromfile(path, dtype=np.uint8)) for path in files)]


@dataclass(slots=True, eq=False)
class _ActorHandle(WorkerHandle):
    """An actor and its pending calls, the oldest first."""

    actor: Any
    pending: deque[Any]


@dataclass(slots=True)
class RayPool(WorkerPool[_ActorHandle]):
    """An actor for each worker; `shipment` holds its model files, as references to Ray's object store."""

    option: ClassVar[str] = "--cluster"

    gpus: float
    shipment: Sequence[Any]

    def submit(self, worker: str, block: Block) -> None:
        handle = self._handle_of(worker)
        handle.pending.append(handle.actor.predict.remote(block.images))

    def next_event(self) -> Event:
        import ray

        oldest = {handle.pending[0]: handle for handle in self._handles if handle.pending}
        nobody = not any(handle.name for handle in self._handles)
        done, _ = ray.wait(list(oldest), timeout=NO_WORKER_TIMEOUT_S if nobody else None)
        if not done:
            raise MissingRuntimeError(
                f"--cluster: no worker could be started in {NO_WORKER_TIMEOUT_S:.0f} s: see 'ray status';"
                " what is done is kept: run the same command again"
            )
        return self._answer(oldest[done[0]])

    def _answer(self, handle: _ActorHandle) -> Event:
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            answer = ray.get(handle.pending.popleft())
        except RayTaskError as error:
            if isinstance(error.cause, SegError):
                raise error.cause from None
            return self._on_failure(handle, error_in_one_line(error.cause))
        except RayError as error:
            return self._on_death(handle, _ray_death_reason(error))
        return self._on_result(handle, answer)

    def _start_worker(self) -> _ActorHandle:
        import ray

        # An image may have killed a worker, so `dispatch` decides on retries, not Ray.
        options = {"num_cpus": self.layout.cores, "num_gpus": self.gpus, "max_restarts": 0}
        actor: Any = ray.remote(_RayActor).options(**options, scheduling_strategy="SPREAD").remote(self.job)
        return _ActorHandle(actor=actor, pending=deque([actor.load.remote(*self.shipment)]))

    def _stop_worker(self, handle: _ActorHandle) -> None:
        import ray

        ray.kill(handle.actor)


class _RayActor:
    """A worker that is created at once, and loads when its models have arrived."""

    _worker: Worker

    def __init__(self, job: WorkerJob) -> None:
        self._job = job

    def load(self, members: Mapping[str, Sequence[ShippedFile]], *contents: bytes) -> tuple[str, str]:
        """Load the models; returns the worker's name and its runtimes.

        Args:
            members: the files of each member's model, by the member's name.
            contents: of all these files, in their order.

        Raises:
            SegError: this machine cannot do the job.
        """
        import ray

        if self._job.version != seg.__version__:
            raise MissingRuntimeError(
                f"--cluster: a worker has seg {seg.__version__}, but this machine {self._job.version}:"
                " install the same version everywhere"
            )
        self._worker = Worker(replace(self._job, spec=unpack_models(self._job.spec, members, contents)))
        address = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        return f"{address} process {os.getpid()}", self._worker.runs_on

    def predict(self, images: Sequence[ImageRef]) -> BlockResult:
        return self._worker.predict(images)


def _ray_death_reason(error: Exception) -> str:
    """The type of Ray's error; its message is a page long."""
    return f"died ({type(error).__name__})"
