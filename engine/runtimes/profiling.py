"""How fast a loaded model is, and how much memory it takes."""

import ctypes
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from seg.engine.runtimes.base import ImagesNHWC, Runtime
from seg.errors import SegError

TIMED_S: Final = 0.5
"""How long a model is timed, at least, after a round that does not count."""

_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = 4096


def milliseconds_a_pass(runtime: Runtime, images_nhwc: ImagesNHWC) -> float:
    """Wall time a pass while all streams are busy; the least of the rounds, as disturbances only add."""
    rounds: list[float] = []
    while not rounds or sum(rounds[1:]) < TIMED_S:
        start = time.perf_counter()
        keep_busy(runtime, images_nhwc)
        rounds.append(time.perf_counter() - start)
    return min(rounds[1:]) / (runtime.describe().streams.count * len(images_nhwc)) * 1e3


def keep_busy(runtime: Runtime, images_nhwc: ImagesNHWC) -> None:
    """Run one batch on each stream, all at once; what a GPU makes of it stays there, as in a run."""
    streams = runtime.describe().streams.count
    run = runtime.run_on_device if runtime.device == "cuda" else runtime.run
    with ThreadPoolExecutor(streams) as pool:
        list(pool.map(run, [images_nhwc] * streams))


def bytes_taken(runtime: Runtime, batches: Sequence[ImagesNHWC]) -> int:
    """By how much the process grows with a model loaded, which ran such of these batches as it takes."""
    before = resident_bytes()
    runtime.load()
    for images_nhwc in batches:
        if runtime.takes(images_nhwc.shape):
            keep_busy(runtime, images_nhwc)
    return max(0, resident_bytes() - before)


def tells_memory() -> bool:
    """Whether this system says what a process holds; others than Linux do not, without a library."""
    return _STATM.exists()


def resident_bytes() -> int:
    """The memory that this process holds, after what it freed went back to the system.

    Raises:
        SegError: this system does not say.
    """
    release_freed_memory()
    return current_bytes()


def release_freed_memory() -> None:
    """Give back to the system what was freed, where its C library keeps it otherwise."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def current_bytes() -> int:
    """The memory that this process holds, freed or not; raises SegError where this system does not say."""
    try:
        return int(_STATM.read_text(encoding="ascii").split()[1]) * _PAGE
    except OSError as error:
        raise SegError(
            "--memory: this system does not say how much memory is used: it takes Linux"
        ) from error
