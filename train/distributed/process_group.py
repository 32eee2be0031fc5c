"""The process group of distributed training, one process per device, started by torchrun or our launcher.

Both pass the rank to each process in torchrun's environment variables.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import torch
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import distributed

T = TypeVar("T")

_BACKENDS: Final = {True: "cpu:gloo,cuda:nccl", False: "gloo"}


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """This process's rank, from 0, among `world_size` processes on a number of machines."""

    rank: int = 0
    world_size: int = 1
    machines: int = 1

    @property
    def is_main_process(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def broadcast(self, make: Callable[[], T]) -> T:
        """Call `make` in the main process, and return its result in all processes."""
        if self.world_size == 1:
            return make()
        box: list[Any] = [make() if self.is_main_process else None]
        distributed.broadcast_object_list(box)
        made: T = box[0]
        return made

    def shard(self, things: Sequence[T]) -> Sequence[T]:
        """This process's shard of a sequence: every `world_size`-th item."""
        return things[self.rank :: self.world_size]


@contextmanager
def join_process_group() -> Iterator[ProcessGroup]:
    """Initialise the process group if there are other processes."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield ProcessGroup()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group(_BACKENDS[torch.cuda.is_available()])
    try:
        machines = world_size // int(os.environ["LOCAL_WORLD_SIZE"])
        yield ProcessGroup(distributed.get_rank(), world_size, machines)
    finally:
        distributed.destroy_process_group()


def lightning_options(group: ProcessGroup) -> dict[str, Any]:
    """Options of Lightning's trainer for the group.

    Decoders may not use all parameters of an encoder, so unused parameters are detected. On GPUs batch
    normalisation is synchronised; on CPUs each process has its own statistics while it trains.
    """
    if group.world_size == 1:
        return {"devices": 1}
    return {
        "devices": group.world_size // group.machines,
        "num_nodes": group.machines,
        "strategy": DDPStrategy(find_unused_parameters=True, broadcast_buffers=False),
        "plugins": [TorchElasticEnvironment()],
        "sync_batchnorm": torch.cuda.is_available(),
    }
