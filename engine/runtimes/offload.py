"""Offloading: members that do not fit into memory together are loaded in turns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo
from seg.errors import SpecError


class OffloadedRuntime(Runtime):
    """A runtime that is loaded on demand, together with its group, after all other groups are unloaded."""

    def __init__(self, opener: Callable[[], Runtime]) -> None:
        self._opener = opener
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
                one._inner = one._inner or one._opener()
                one.image_type = one._inner.image_type

    def unload(self) -> None:
        self._inner = None

    def set_group(self, group: "Sequence[OffloadedRuntime]", others: "Sequence[OffloadedRuntime]") -> None:
        """Set the group that is loaded together with it, including itself, and the others that never are."""
        self._group, self._others = group, others

    def describe(self) -> RuntimeInfo:
        if self._info is None:
            self._info = self._loaded().describe()
        return self._info

    def takes(self, shape: tuple[int, ...]) -> bool:
        return self._loaded().takes(shape)

    def placement(self, images_nhwc: ImagesNHWC) -> Placement:
        return self._loaded().placement(images_nhwc)

    def release_memory(self) -> None:
        if self._inner is not None:
            self._inner.release_memory()

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        return self._loaded().run(images_nhwc)

    def _loaded(self) -> Runtime:
        self.load()
        return cast(Runtime, self._inner)


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """Memory in bytes: the limit, what is used already, and the size of one open frame."""

    total: int
    used: int
    frame: int
    min_frames: int

    @property
    def room(self) -> int:
        """The bytes left for members beside the minimum of open frames."""
        return self.total - self.used - self.min_frames * self.frame

    def frames_next_to(self, members: int) -> int:
        """The number of frames that may be open beside members of that size."""
        return max(self.min_frames, (self.total - self.used - members) // self.frame)


def group_members_by_memory(sizes: Sequence[int], budget: MemoryBudget) -> list[list[int]]:
    """Split members, by position, into as few consecutive groups as fit into memory in turns.

    Raises:
        SpecError: one member alone does not fit.
    """
    groups: list[list[int]] = []
    room = 0
    for position, size in enumerate(sizes):
        if size > budget.room:
            least = budget.total - budget.room + size
            raise SpecError(
                f"--memory: the largest member takes {size / 1e6:.0f} MB when it runs, and everything else"
                f" {(least - size) / 1e6:.0f} MB: allow at least {least / 1e6:.0f} MB"
            )
        if not groups or size > room:
            groups.append([])
            room = budget.room
        groups[-1].append(position)
        room -= size
    return groups


def set_offload_groups(runtimes: Sequence[OffloadedRuntime], groups: Sequence[Sequence[int]]) -> None:
    """Let each group be loaded only while no other group is."""
    for positions in groups:
        group = [runtimes[position] for position in positions]
        others = [runtime for runtime in runtimes if runtime not in group]
        for runtime in group:
            runtime.set_group(group, others)
