"""Planning of offloading: groups of members and the number of open frames, from measured sizes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from seg.engine.runtimes.base import ImagesNHWC, Runtime
from seg.engine.runtimes.offload import (
    MemoryBudget,
    OffloadedRuntime,
    group_members_by_memory,
    set_offload_groups,
)
from seg.engine.runtimes.profiling import memory_growth, resident_bytes
from seg.image_type import ImageHWB

RGB: Final = 3
FLOAT: Final = 4


@dataclass(frozen=True, slots=True)
class OffloadPlan:
    """Runtimes that take turns in memory, or all stay loaded; see `seg.engine.load`."""

    runtimes: Sequence[Runtime]
    open_frames: int = 0
    notes: tuple[str, ...] = ()


def plan_offload(
    openers: Sequence[Callable[[], Runtime]],
    images: Sequence[ImageHWB],
    classes: int,
    batch_size: int,
    in_flight: int,
    decoded_ahead: int,
    memory: int,
) -> OffloadPlan:
    """Measure every member alone on sample images, and distribute the memory.

    Args:
        in_flight: passes in all batches that run or wait.
        decoded_ahead: decoded images that wait.

    Raises:
        SpecError: a member does not fit.
        SegError: this system does not tell its memory.
    """
    runtimes = [OffloadedRuntime(opener) for opener in openers]
    batches = batches_in_both_orientations(images, batch_size)
    sizes: list[int] = []
    for runtime in runtimes:
        sizes.append(memory_growth(runtime, batches))
        runtime.unload()
    pixels = max(image_hwc.shape[0] * image_hwc.shape[1] for image_hwc in images)
    frame = pixels * (RGB + FLOAT * (classes + 1))
    used = resident_bytes() + decoded_ahead * pixels * RGB
    budget = MemoryBudget(total=memory, used=used, frame=frame, min_frames=2 * in_flight)
    groups = group_members_by_memory(sizes, budget)
    set_offload_groups(runtimes, groups)
    largest = max(sum(sizes[position] for position in group) for group in groups)
    open_frames = budget.frames_next_to(largest) if len(groups) > 1 else 0
    return OffloadPlan(runtimes, open_frames, (_offload_note(sizes, len(groups), open_frames, memory),))


def batches_in_both_orientations(images: Sequence[ImageHWB], batch_size: int) -> list[ImagesNHWC]:
    """A batch of the largest image, upright and transposed."""
    largest_hwc = max(images, key=lambda image_hwc: image_hwc.size)
    upright = np.stack([largest_hwc] * batch_size)
    return [upright, np.ascontiguousarray(upright.transpose(0, 2, 1, 3))]


def _offload_note(sizes: Sequence[int], groups: int, open_frames: int, memory: int) -> str:
    summed = " + ".join(f"{size / 1e6:.0f}" for size in sizes)
    if groups == 1:
        return f"memory: members take {summed} MB of {memory / 1e6:.0f}: all stay loaded"
    return (
        f"memory: members take {summed} MB, more than {memory / 1e6:.0f} allow: they take turns in"
        f" {groups} groups, each for {open_frames} images"
    )
