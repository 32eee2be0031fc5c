"""How busy a device is and how much of its memory is taken, while something runs.

By `nvidia-smi`, which asks NVML and comes with every driver, in a process of its own, so that to look costs
the measured process nothing.
"""

import resource
import shutil
import subprocess
import threading
from types import TracebackType
from typing import Final, Self

INTERVAL_MS: Final = 100
_QUERY: Final = (
    "nvidia-smi", "-i", "0", "--query-gpu=utilization.gpu,memory.used",
    "--format=csv,noheader,nounits", "-lms", str(INTERVAL_MS),
)  # fmt: skip


class Monitor:
    """Watches the first device from entry to exit; without one it knows this process's memory alone."""

    def __init__(self) -> None:
        self._busy: list[float] = []
        self._memory: list[float] = []
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        if shutil.which(_QUERY[0]):
            self._process = subprocess.Popen(
                _QUERY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._thread.join()

    def cells(self) -> dict[str, float | str]:
        """Peak memory in MB, and the share of the time in which the device was at work."""
        if not self._memory:
            return {"peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}
        busy = {"device busy": f"{sum(self._busy) / len(self._busy):.0f}%"} if self._busy else {}
        return {"device MB": max(self._memory), **busy}

    def _read(self) -> None:
        if self._process is None or self._process.stdout is None:
            return
        for line in self._process.stdout:
            busy, _, memory = line.partition(",")
            # A part of a device (MIG) is not said to be busy: "[N/A]".
            for text, numbers in ((busy, self._busy), (memory, self._memory)):
                if text.strip().isdecimal():
                    numbers.append(float(text))
