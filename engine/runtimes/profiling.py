"""Profiling: the time and memory of a loaded model."""

import ctypes
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from seg.engine.runtimes.base import ImagesNHWC, Runtime
from seg.errors import SegError

TIMED_S: Final = 0.5
"""The least seconds that a model is timed, after a warm-up round."""

_STATM: Final = Path("/proc/self/statm")
_PAGE: Final = 4096


def milliseconds_per_pass(runtime: Runtime, images_nhwc: ImagesNHWC) -> float:
    """Wall time a pass with all streams busy."""
    seconds = least_seconds(lambda: run_all_streams(runtime, images_nhwc), TIMED_S)
    return seconds / (runtime.describe().streams.count * len(images_nhwc)) * 1e3


def least_seconds(call: Callable[[], object], timed_s: float) -> float:
    """Wall time of the fastest call in so many seconds, since disturbances only add; after a first call."""
    call()
    least, total = math.inf, 0.0
    while total < timed_s:
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        least, total = min(least, seconds), total + seconds
    return least


def run_all_streams(runtime: Runtime, images_nhwc: ImagesNHWC) -> None:
    """Run one batch on each stream at once; a GPU's output stays there, as in a run."""
    streams = runtime.describe().streams.count
    run = runtime.run_on_device if runtime.device == "cuda" else runtime.run
    with ThreadPoolExecutor(streams) as pool:
        list(pool.map(run, [images_nhwc] * streams))


def memory_growth(runtime: Runtime, batches: Sequence[ImagesNHWC]) -> int:
    """The growth of the process when a model is loaded and runs those of these batches that it accepts."""
    before = resident_bytes()
    runtime.load()
    for images_nhwc in batches:
        if runtime.takes(images_nhwc.shape):
            run_all_streams(runtime, images_nhwc)
    return max(0, resident_bytes() - before)


def can_measure_memory() -> bool:
    """Whether this system says what a process holds; others than Linux do not, without a library."""
    return _STATM.exists()


def resident_bytes() -> int:
    """The memory of this process, after freed memory is returned to the system.

    Raises:
        SegError: this system does not tell.
    """
    release_freed_memory()
    return current_resident_bytes()


def release_freed_memory() -> None:
    """Give back to the system what was freed, where its C library keeps it otherwise."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def current_resident_bytes() -> int:
    """The memory of this process, freed or not; raises SegError if this system does not tell."""
    try:
        return int(_STATM.read_text(encoding="ascii").split()[1]) * _PAGE
    except OSError as error:
        raise SegError("--memory: this system does not tell how much memory is used: use Linux") from error
