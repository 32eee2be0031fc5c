"""What each process of this machine has to itself: its share of the cores, and a GPU."""

import os
from collections.abc import Collection
from dataclasses import dataclass

from seg.engine.runtimes import nvidia
from seg.engine.runtimes.hardware import allowed_cores, usable_cores
from seg.errors import MissingRuntimeError
from seg.spec.prediction import RuntimeName


@dataclass(frozen=True, slots=True)
class Affinity:
    """Cores by number, and a GPU as CUDA_VISIBLE_DEVICES names it; none of either where all may be used."""

    cores: frozenset[int]
    device: str | None = None

    def take(self) -> None:
        """Sit down, before anything in this process counts cores or loads CUDA.

        To say how many threads there are is not enough: libraries that bind theirs begin with the first core
        that a process may use, and those of two processes would share it.
        """
        if self.cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.cores)
        if self.device is not None:
            os.environ[nvidia.VISIBLE_DEVICES] = self.device


def whole_machine() -> Affinity:
    """All cores, and the first GPU where there is one."""
    return Affinity(frozenset(), next(iter(nvidia.visible_devices()), None))


def affinities(count: int, runtimes: Collection[RuntimeName]) -> list[Affinity]:
    """So many seats for processes that use these runtimes, the cores shared out evenly.

    Raises:
        MissingRuntimeError: there are not so many GPUs, or, where none is needed, cores.
    """
    if not nvidia.needs_nvidia(runtimes):
        cores = usable_cores()
        if count > cores:
            raise MissingRuntimeError(
                f"--devices {count}: each process needs a core, and {cores} can be used here"
            )
        return [Affinity(_share(place, count)) for place in range(count)]
    devices = nvidia.visible_devices()
    if count > len(devices):
        raise MissingRuntimeError(
            f"--devices {count}: each process needs an NVIDIA device, and {len(devices)} are visible:"
            f" see nvidia-smi and {nvidia.VISIBLE_DEVICES}"
        )
    return [Affinity(_share(place, count), device) for place, device in enumerate(devices[:count])]


def _share(place: int, count: int) -> frozenset[int]:
    """Neighbours among the cores; empty where there are fewer cores than seats."""
    cores = allowed_cores()
    return frozenset(cores[place * len(cores) // count : (place + 1) * len(cores) // count])
