"""The processes that train one network together, one a device: torchrun's, or the supervisor's.

Both tell each process its place by torchrun's environment variables.
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
class Group:
    """A process's place, from 0, among the `count` that train together, on so many machines."""

    place: int = 0
    count: int = 1
    machines: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.place == 0

    def shared(self, make: Callable[[], T]) -> T:
        """What the first process makes, in all of them."""
        if self.count == 1:
            return make()
        box: list[Any] = [make() if self.is_first else None]
        distributed.broadcast_object_list(box)
        made: T = box[0]
        return made

    def share_of(self, things: Sequence[T]) -> Sequence[T]:
        """Every `count`-th thing, so that all processes together have each once."""
        return things[self.place :: self.count]


@contextmanager
def joined() -> Iterator[Group]:
    """Meet the other processes, if there are any."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Group()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group(_BACKENDS[torch.cuda.is_available()])
    try:
        machines = count // int(os.environ["LOCAL_WORLD_SIZE"])
        yield Group(distributed.get_rank(), count, machines)
    finally:
        distributed.destroy_process_group()


def together(group: Group) -> dict[str, Any]:
    """What Lightning's trainer is told of the group.

    Decoders may leave parameters of an encoder alone, which is looked for. On GPUs batch normalisation sees
    the images of all processes; on CPUs each process has its own statistics while it trains.
    """
    if group.count == 1:
        return {"devices": 1}
    return {
        "devices": group.count // group.machines,
        "num_nodes": group.machines,
        "strategy": DDPStrategy(find_unused_parameters=True, broadcast_buffers=False),
        "plugins": [TorchElasticEnvironment()],
        "sync_batchnorm": torch.cuda.is_available(),
    }
