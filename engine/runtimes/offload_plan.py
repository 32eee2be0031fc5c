"""Which members stay in memory, and how many frames are open beside them: planned from measured sizes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from seg.engine.runtimes.base import ImagesNHWC, Runtime
from seg.engine.runtimes.offload import Budget, OffloadedRuntime, alternate, group_by_memory
from seg.engine.runtimes.profiling import bytes_taken, resident_bytes
from seg.labels import ImageHWC

RGB: Final = 3
FLOAT: Final = 4


@dataclass(frozen=True, slots=True)
class OffloadPlan:
    """Runtimes that take turns in memory, or all stay; see `seg.engine.load`."""

    runtimes: Sequence[Runtime]
    open_frames: int = 0
    notes: tuple[str, ...] = ()


def plan_offload(
    openers: Sequence[Callable[[], Runtime]],
    images: Sequence[ImageHWC],
    classes: int,
    batch_size: int,
    in_flight: int,
    decoded_ahead: int,
    memory: int,
) -> OffloadPlan:
    """Measure every member alone on images like those to come, and share the memory out.

    Args:
        in_flight: passes in all batches that run or wait.
        decoded_ahead: images that wait decoded.

    Raises:
        SpecError: not even one member fits.
        SegError: this system does not tell its memory.
    """
    runtimes = [OffloadedRuntime(open_it) for open_it in openers]
    batches = both_orientations(images, batch_size)
    sizes: list[int] = []
    for runtime in runtimes:
        sizes.append(bytes_taken(runtime, batches))
        runtime.unload()
    pixels = max(image_hwc.shape[0] * image_hwc.shape[1] for image_hwc in images)
    frame = pixels * (RGB + FLOAT * (classes + 1))
    taken = resident_bytes() + decoded_ahead * pixels * RGB
    budget = Budget(total=memory, taken=taken, frame=frame, least_frames=2 * in_flight)
    groups = group_by_memory(sizes, budget)
    alternate(runtimes, groups)
    largest = max(sum(sizes[position] for position in group) for group in groups)
    open_frames = budget.frames_beside(largest) if len(groups) > 1 else 0
    return OffloadPlan(runtimes, open_frames, (_note(sizes, len(groups), open_frames, memory),))


def both_orientations(images: Sequence[ImageHWC], batch_size: int) -> list[ImagesNHWC]:
    """A batch of the largest image, upright and on its side."""
    largest_hwc = max(images, key=lambda image_hwc: image_hwc.size)
    upright = np.stack([largest_hwc] * batch_size)
    return [upright, np.ascontiguousarray(upright.transpose(0, 2, 1, 3))]


def _note(sizes: Sequence[int], groups: int, open_frames: int, memory: int) -> str:
    said = " + ".join(f"{size / 1e6:.0f}" for size in sizes)
    if groups == 1:
        return f"memory: members take {said} MB of {memory / 1e6:.0f}: all stay loaded"
    return (
        f"memory: members take {said} MB, more than {memory / 1e6:.0f} allow: they take turns in"
        f" {groups} groups, each for {open_frames} images"
    )
