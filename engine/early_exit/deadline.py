"""Deadlines: a budget of passes for each image, so that a run ends in time.

Passes are ordered by value (`seg.engine.early_exit.ranking`). The number of passes of an image is decided
when the image is opened.
"""

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from seg.engine.passes.passes import PassOrder
from seg.errors import SpecError
from seg.ranges import DEADLINE_SECONDS

RESERVED_SHARE: Final = 0.05
"""The share of the time that is reserved for the last images and for writing the submission."""

PRIOR_SHARE: Final = 0.05
"""The share of the time after which speeds seen in the run count as much as those measured before it."""

SPARE_IMAGES: Final = 1
"""The time left is divided among this many images more than are left, in case the last ones are slow."""


def parse_duration(text: str) -> float:
    """Seconds of a duration such as `8h30m`, `45m` or `90s`; raises SpecError."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip().lower())
    if found is None or not any(found.groups()):
        raise SpecError(f"--deadline: must be a time such as 8h30m, 45m or 90s, got {text!r}")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    total = 3600 * hours + 60 * minutes + seconds
    least, most = DEADLINE_SECONDS
    if not least <= total <= most:
        raise SpecError(f"--deadline: must be a time from {least}s to {most // 3600}h, got {text[:40]!r}")
    return total


class PassBudget:
    """Decides how many passes the next image gets, so that all images are done in time. Thread-safe.

    Attributes:
        fewest: the smallest number of passes that an image got so far.

    Args:
        seconds: of each pass, in the pass order.
        images: the number of images of the run.
        ends_at: the time, by `now`, at which all images must be done.

    Raises:
        SpecError: there is not time for one pass an image.
    """

    def __init__(
        self,
        seconds: Sequence[float],
        images: int,
        ends_at: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._start = now()
        left = ends_at - self._start
        self._ends_at = ends_at - RESERVED_SHARE * left
        self._prior_seconds = PRIOR_SHARE * left
        self._seconds_of_first = [0.0, *accumulate(seconds)]
        self._unopened = images
        self.fewest = len(seconds)
        self._open = 0.0
        self._done = 0.0
        self._lock = threading.Lock()
        if images and self._seconds_of_first[1] * images > self._ends_at - self._start:
            least = self._seconds_of_first[1] * images / (1 - RESERVED_SHARE)
            raise SpecError(
                f"--deadline: one pass an image takes {_seconds_of_duration(least)}, but after loading and"
                f" measuring {_seconds_of_duration(max(0.0, left))} are left: allow more time"
            )

    def open_image(self) -> int:
        """The number of passes that the next image gets, from 1 to all."""
        with self._lock:
            now = self._now()
            slower = (now - self._start + self._prior_seconds) / (self._done + self._prior_seconds)
            left = self._ends_at - now - self._open * slower
            each = left / slower / (max(0, self._unopened) + SPARE_IMAGES)
            fitting = sum(1 for needed in self._seconds_of_first[1:] if needed <= each)
            passes = max(1, fitting)
            self._unopened -= 1
            self.fewest = min(self.fewest, passes)
            self._open += self._seconds_of_first[passes]
            return passes

    def close_image(self, passes: int) -> None:
        """Record that an image that got this many passes is done."""
        with self._lock:
            self._open -= self._seconds_of_first[passes]
            self._done += self._seconds_of_first[passes]

    def drop_image(self, passes: int) -> None:
        """Record that an image that was to get this many passes is dropped."""
        with self._lock:
            self._open -= self._seconds_of_first[passes]


def _seconds_of_duration(number: float) -> str:
    return f"{number:.0f} s" if number >= 10 else f"{number:.2g} s"


@dataclass(frozen=True, slots=True)
class DeadlineSchedule:
    """The passes, the most valuable first, and the budget that decides how many of them an image gets."""

    pass_order: PassOrder
    budget: PassBudget

    @property
    def dropped(self) -> PassOrder:
        """The passes that at least one image did not get."""
        return self.pass_order[self.budget.fewest :]
