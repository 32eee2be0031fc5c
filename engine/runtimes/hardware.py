"""What this machine has."""

import os
import platform
from pathlib import Path
from typing import Final

from seg.engine.runtimes.base import Streams

CPU_MAX: Final = Path("/sys/fs/cgroup/cpu.max")
"""Where a cgroup (version 2) says how much time in which period its processes get."""

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
    """The processor's model, for a key under which measurements are remembered."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "flags"))]
    return " ".join(names[:2]) or platform.machine()


def _quota() -> int:
    """Whole cores that the container grants; all of them where it sets no limit."""
    try:
        granted, period = CPU_MAX.read_text(encoding="utf-8").split()
        return max(1, int(granted) // int(period))
    except (OSError, ValueError):
        return os.cpu_count() or 1
