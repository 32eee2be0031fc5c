"""What this machine has."""

import os
import platform
from pathlib import Path
from typing import Final

from seg.engine.runtimes.base import Streams

CPU_MAX: Final = Path("/sys/fs/cgroup/cpu.max")
"""Where a cgroup (version 2) says how much time in which period its processes get."""

MEMORY_MAX: Final = Path("/sys/fs/cgroup/memory.max")
"""Where it says how many bytes of memory they get."""

FEW: Final = 4
"""Up to so many cores, each has a stream of its own; beyond, four share one."""


def usable_cores() -> int:
    """How many cores this process may use: by affinity, and by the quota of its container."""
    return max(1, min(len(allowed_cores()), _quota()))


def allowed_cores() -> list[int]:
    """The cores that this process may run on, by number."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def usual_streams(cores: int) -> Streams:
    """Streams that keep all cores busy: one thread each wastes the least, but each holds a batch."""
    count = cores if cores <= FEW else max(FEW, cores // 4)
    return Streams(count, cores // count)


def processor() -> str:
    """The processor's model and abilities, for a key under which measurements are remembered."""
    return " ".join(filter(None, (processor_name(), _about_processor("flags"))))


def processor_name() -> str:
    """The processor's model."""
    return _about_processor("model name") or platform.processor() or platform.machine()


def memory_limit() -> int | None:
    """The bytes of memory that this process may use: those of the machine, or fewer in a container.

    None where the system does not say.
    """
    try:
        limit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    try:
        return min(limit, int(MEMORY_MAX.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # there is no such file, or it says "max"
        return limit


def _about_processor(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def _quota() -> int:
    """Whole cores that the container grants; all of them where it sets no limit."""
    try:
        granted, period = CPU_MAX.read_text(encoding="utf-8").split()
        return max(1, int(granted) // int(period))
    except (OSError, ValueError):
        return os.cpu_count() or 1
