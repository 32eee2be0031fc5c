"""A run with a deadline: each image gets as many of the most valuable passes as there is time for.

Passes are ordered by value (`seg.engine.early_exit.ranking`). How many of them an image gets is decided when
the image is opened.
"""

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from seg.engine.passes.passes import Plan
from seg.errors import SpecError

KEPT_BACK: Final = 0.05
"""The share of the time that is left for the last images and for writing the submission."""

TRUSTED: Final = 0.05
"""The share of the time after which speeds seen in the run count as much as those measured before it."""

SPARE_IMAGES: Final = 1
"""For so many more there is time kept, since what the last ones take too long nothing makes good."""


def parse_duration(text: str) -> float:
    """`8h30m`, `45m` or `90s` in seconds; raises SpecError where it is no such time."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip().lower())
    if found is None or not any(found.groups()):
        raise SpecError(f"--deadline: is a time such as 8h30m, 45m or 90s, got {text!r}")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(3600 * hours + 60 * minutes + seconds)


class PassBudget:
    """Says how many passes the next image gets, so that all are done in time. For any thread.

    Attributes:
        fewest: passes that an image got so far.

    Args:
        seconds: what each pass of the plan takes, in its order.
        images: how many there are to do.
        ends_at: when, by `now`, all must be done.

    Raises:
        SpecError: not even one pass an image would be done in time.
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
        self._ends_at = ends_at - KEPT_BACK * left
        self._trusted = TRUSTED * left
        self._seconds_for = [0.0, *accumulate(seconds)]
        self._unopened = images
        self.fewest = len(seconds)
        self._open = 0.0
        self._done = 0.0
        self._lock = threading.Lock()
        if images and self._seconds_for[1] * images > self._ends_at - self._start:
            least = self._seconds_for[1] * images / (1 - KEPT_BACK)
            raise SpecError(
                f"--deadline: one pass an image alone takes {_seconds(least)}, and after loading and"
                f" measuring {_seconds(max(0.0, left))} are left: allow more time"
            )

    def open_image(self) -> int:
        """How many passes the next image gets: at least 1, at most all."""
        with self._lock:
            now = self._now()
            slower = (now - self._start + self._trusted) / (self._done + self._trusted)
            left = self._ends_at - now - self._open * slower
            each = left / slower / (max(0, self._unopened) + SPARE_IMAGES)
            fitting = sum(1 for needed in self._seconds_for[1:] if needed <= each)
            passes = max(1, fitting)
            self._unopened -= 1
            self.fewest = min(self.fewest, passes)
            self._open += self._seconds_for[passes]
            return passes

    def close_image(self, passes: int) -> None:
        """Note that an image which got so many passes is done."""
        with self._lock:
            self._open -= self._seconds_for[passes]
            self._done += self._seconds_for[passes]

    def drop_image(self, passes: int) -> None:
        """Note that an image which was to get so many passes needs no more of them."""
        with self._lock:
            self._open -= self._seconds_for[passes]


def _seconds(number: float) -> str:
    return f"{number:.0f} s" if number >= 10 else f"{number:.2g} s"


@dataclass(frozen=True, slots=True)
class DeadlineSchedule:
    """The passes of a plan, the most valuable first, and how many of them an image gets."""

    plan: Plan
    pace: PassBudget

    @property
    def dropped(self) -> Plan:
        """The passes that not every image got."""
        return self.plan[self.pace.fewest :]
