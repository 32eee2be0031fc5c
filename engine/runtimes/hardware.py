"""The hardware of this machine: cores, processor and memory, within the limits of a container."""

import os
import platform
from pathlib import Path
from typing import Final

from seg.engine.runtimes.base import Streams

CPU_MAX: Final = Path("/sys/fs/cgroup/cpu.max")
"""The CPU quota of a cgroup (version 2): granted time and period."""

MEMORY_MAX: Final = Path("/sys/fs/cgroup/memory.max")
"""The memory limit of a cgroup (version 2), in bytes."""

SMALL_MACHINE_CORES: Final = 4
"""Up to this many cores each core has its own stream; with more, four cores share a stream."""


def usable_cores() -> int:
    """The number of cores that this process may use, by affinity and by the quota of its container."""
    return max(1, min(len(allowed_cores()), _core_quota()))


def allowed_cores() -> list[int]:
    """The cores that this process may run on, by number."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def default_streams(cores: int) -> Streams:
    """Streams that keep all cores busy. One thread a stream is the most efficient, but each holds a batch."""
    count = cores if cores <= SMALL_MACHINE_CORES else max(SMALL_MACHINE_CORES, cores // 4)
    return Streams(count, cores // count)


def processor_key() -> str:
    """The processor's model and features, as part of the key of cached measurements."""
    return " ".join(filter(None, (processor_name(), _cpuinfo_field("flags"))))


def processor_name() -> str:
    """The processor's model."""
    return _cpuinfo_field("model name") or platform.processor() or platform.machine()


def memory_limit() -> int | None:
    """The bytes of memory that this process may use: the machine's, or fewer in a container.

    None if the system does not tell.
    """
    try:
        limit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    try:
        return min(limit, int(MEMORY_MAX.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # there is no such file, or it says "max"
        return limit


def _cpuinfo_field(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def _core_quota() -> int:
    """Whole cores that the container grants; all cores if it sets no limit."""
    try:
        granted, period = CPU_MAX.read_text(encoding="utf-8").split()
        return max(1, int(granted) // int(period))
    except (OSError, ValueError):
        return os.cpu_count() or 1
