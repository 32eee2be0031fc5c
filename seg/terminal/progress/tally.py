"""The progress of some work: units done, rate, and time left."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class ProgressTally:
    """Counts units of work.

    Attributes:
        before: units that were done in an earlier run.
        now: units that were done in this one.
        note: the latest text beside the count.
    """

    title: str
    total: int
    unit: str
    before: int = 0
    now: int = 0
    note: str = ""
    _start: float = field(default_factory=time.monotonic)

    def add(self, units: int, note: str | None) -> None:
        self.now += units
        if note is not None:
            self.note = note

    @property
    def done(self) -> int:
        return self.before + self.now

    @property
    def seconds(self) -> float:
        """Of this run."""
        return time.monotonic() - self._start

    @property
    def seconds_left(self) -> float | None:
        """None before anything is done."""
        return (self.total - self.done) * self.seconds / self.now if self.now else None

    @property
    def rate(self) -> str:
        """Such as `3.1 images/s`; empty before anything is done."""
        seconds = self.seconds
        return f"{self.now / seconds:.1f} {self.unit}/s" if self.now and seconds > 0 else ""

    def text(self) -> str:
        """All of it on one line."""
        left = self.seconds_left
        parts = (
            f"{self.title}: {self.done}/{self.total} {self.unit}",
            self.rate,
            "" if left is None else f"{_clock_time(left)} left",
            self.note,
        )
        return ", ".join(part for part in parts if part)


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
