"""Sizing: the number of workers, and the cores of each, that fit on the machines of a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass

from seg.errors import MissingRuntimeError


@dataclass(frozen=True, slots=True)
class Machine:
    """The cores and GPUs of a machine of the cluster."""

    cores: int
    gpus: float


@dataclass(frozen=True, slots=True)
class WorkerLayout:
    """The number of workers, and the cores of each."""

    workers: int
    cores: int


def fit_workers(machines: Sequence[Machine], workers: int | None, gpus: float) -> WorkerLayout:
    """The layout with the most cores a worker; by default a worker a machine, or one for each share of a GPU.

    Args:
        gpus: of each worker, may be a fraction.

    Raises:
        MissingRuntimeError: the workers do not fit.
    """
    most = sum(_workers_that_fit(machine, 1, gpus) for machine in machines)
    wanted = workers or (most if gpus else sum(machine.cores > 0 for machine in machines))
    if not 0 < wanted <= most:
        needs = f"{wanted or 1} workers with a core" + (f" and {gpus:g} GPUs each" if gpus else " each")
        raise MissingRuntimeError(
            f"--cluster: the cluster has room for {most} workers, not for {needs}: see 'ray status'"
        )
    largest = max(machine.cores for machine in machines)
    cores = next(
        cores
        for cores in range(largest, 0, -1)
        if sum(_workers_that_fit(machine, cores, gpus) for machine in machines) >= wanted
    )
    return WorkerLayout(wanted, cores)


def _workers_that_fit(machine: Machine, cores: int, gpus: float) -> int:
    room = machine.cores // cores
    return min(room, int(machine.gpus / gpus + 1e-9)) if gpus else room
