"""How many workers of what size fit on the machines of a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass

from seg.errors import MissingRuntimeError


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine of the cluster offers."""

    cores: int
    gpus: float


@dataclass(frozen=True, slots=True)
class WorkerLayout:
    """So many workers with so many cores each."""

    workers: int
    cores: int


def fit(machines: Sequence[Machine], workers: int | None, gpus: float) -> WorkerLayout:
    """The largest workers of which so many fit; by default one a machine, or one for each share of a GPU.

    Args:
        gpus: what each worker takes of the GPUs of its machine.

    Raises:
        MissingRuntimeError: not so many fit.
    """
    most = sum(_room(machine, 1, gpus) for machine in machines)
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
        if sum(_room(machine, cores, gpus) for machine in machines) >= wanted
    )
    return WorkerLayout(wanted, cores)


def _room(machine: Machine, cores: int, gpus: float) -> int:
    room = machine.cores // cores
    return min(room, int(machine.gpus / gpus + 1e-9)) if gpus else room
