"""CPU and GPU affinity of the processes of one machine: a share of the cores, and a GPU each."""

import os
from collections.abc import Collection
from dataclasses import dataclass

from seg.engine.runtimes.hardware import allowed_cores, usable_cores
from seg.engine.runtimes.nvidia import nvidia
from seg.errors import MissingRuntimeError
from seg.spec.ensemble.prediction import RuntimeName


@dataclass(frozen=True, slots=True)
class Affinity:
    """Cores by number, and a GPU as in CUDA_VISIBLE_DEVICES; empty or None for no restriction."""

    cores: frozenset[int]
    device: str | None = None

    def apply(self) -> None:
        """Restrict this process, before anything in it counts cores or loads CUDA.

        Limiting the number of threads is not enough: libraries that pin threads start with the first core
        that a process may use, so two processes would share it.
        """
        if self.cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.cores)
        if self.device is not None:
            os.environ[nvidia.VISIBLE_DEVICES] = self.device


def whole_machine_affinity() -> Affinity:
    """All cores, and the first GPU if there is one."""
    return Affinity(frozenset(), next(iter(nvidia.visible_nvidia_devices()), None))


def divide_affinities(count: int, runtimes: Collection[RuntimeName]) -> list[Affinity]:
    """Affinities for `count` processes that use these runtimes; cores are divided evenly.

    Raises:
        MissingRuntimeError: there are too few GPUs, or too few cores if no GPU is needed.
    """
    if not nvidia.needs_nvidia(runtimes):
        cores = usable_cores()
        if count > cores:
            raise MissingRuntimeError(
                f"--devices {count}: each process needs a core, but {cores} can be used here"
            )
        return [Affinity(_core_block(place, count)) for place in range(count)]
    devices = nvidia.visible_nvidia_devices()
    if count > len(devices):
        raise MissingRuntimeError(
            f"--devices {count}: each process needs an NVIDIA device, but {len(devices)} are visible:"
            f" see nvidia-smi and {nvidia.VISIBLE_DEVICES}"
        )
    return [Affinity(_core_block(place, count), device) for place, device in enumerate(devices[:count])]


def _core_block(place: int, count: int) -> frozenset[int]:
    """A block of neighbouring cores; empty if there are fewer cores than processes."""
    cores = allowed_cores()
    return frozenset(cores[place * len(cores) // count : (place + 1) * len(cores) // count])
