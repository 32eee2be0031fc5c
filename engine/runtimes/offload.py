"""Members that do not fit into memory together take turns there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo
from seg.errors import SpecError


class OffloadedRuntime(Runtime):
    """A runtime that is loaded when it is its turn; those of its group then go, or stay, with it."""

    def __init__(self, open_it: Callable[[], Runtime]) -> None:
        self._open_it = open_it
        self._inner: Runtime | None = None
        self._info: RuntimeInfo | None = None
        self._group: Sequence[OffloadedRuntime] = (self,)
        self._others: Sequence[OffloadedRuntime] = ()

    @property
    def is_loaded(self) -> bool:
        return self._inner is not None

    def load(self) -> None:
        if self._inner is None:
            for other in self._others:
                other.unload()
            for one in self._group:
                one._inner = one._inner or one._open_it()

    def unload(self) -> None:
        self._inner = None

    def alternate_with(
        self, group: "Sequence[OffloadedRuntime]", others: "Sequence[OffloadedRuntime]"
    ) -> None:
        """From now on be loaded together with `group`, of which it is one, and never with `others`."""
        self._group, self._others = group, others

    def describe(self) -> RuntimeInfo:
        if self._info is None:
            self._info = self._loaded().describe()
        return self._info

    def takes(self, shape: tuple[int, ...]) -> bool:
        return self._loaded().takes(shape)

    def placement(self, images_nhwc: ImagesNHWC) -> Placement:
        return self._loaded().placement(images_nhwc)

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        return self._loaded().run(images_nhwc)

    def _loaded(self) -> Runtime:
        self.load()
        return cast(Runtime, self._inner)


@dataclass(frozen=True, slots=True)
class Budget:
    """Memory in bytes: all of it, what is taken already, and what one open frame takes."""

    total: int
    taken: int
    frame: int
    least_frames: int

    @property
    def room(self) -> int:
        """What members may take beside the least number of open frames."""
        return self.total - self.taken - self.least_frames * self.frame

    def frames_beside(self, members: int) -> int:
        """How many frames may be open beside members of that size."""
        return max(self.least_frames, (self.total - self.taken - members) // self.frame)


def group_by_memory(sizes: Sequence[int], budget: Budget) -> list[list[int]]:
    """Members, by position, in the order of the plan, in as few groups as fit into memory by turns.

    Raises:
        SpecError: one member alone does not fit.
    """
    groups: list[list[int]] = []
    room = 0
    for position, size in enumerate(sizes):
        if size > budget.room:
            least = budget.total - budget.room + size
            raise SpecError(
                f"--memory: the largest member takes {size / 1e6:.0f} MB when it runs, and all else"
                f" {(least - size) / 1e6:.0f} MB: allow at least {least / 1e6:.0f} MB"
            )
        if not groups or size > room:
            groups.append([])
            room = budget.room
        groups[-1].append(position)
        room -= size
    return groups


def alternate(runtimes: Sequence[OffloadedRuntime], groups: Sequence[Sequence[int]]) -> None:
    """Let each group be loaded only while no other is."""
    for positions in groups:
        group = [runtimes[position] for position in positions]
        others = [runtime for runtime in runtimes if runtime not in group]
        for runtime in group:
            runtime.alternate_with(group, others)
