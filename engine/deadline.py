"""A run that must end in time: every image takes as many of the most valuable passes as there is time for.

Passes are put in order by what each adds on images like those to come: greedily, the one next that brings
the labels so far nearest to the full ensemble's, by the millisecond. From then on an image gets the
first so many of them, and how many is decided anew whenever one is opened.
"""

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.engine.passes import Plan, PlannedPass
from seg.engine.runtime import Runtime
from seg.engine.speed import milliseconds_a_pass
from seg.errors import SpecError
from seg.labels import ImageHWC

KEPT_BACK: Final = 0.05
"""The share of the time that is left for the last images and for writing the submission."""

TRUSTED: Final = 0.05
"""The share of the time after which speeds seen in the run count as much as those measured before it."""

SPARE_IMAGES: Final = 1
"""For so many more there is time kept, since what the last ones take too long nothing makes good."""

PIXELS: Final = 20_000
"""How many pixels of an image are looked at, at most, to tell what a pass adds."""

Answers = NDArray[np.float32]
"""What each pass says of some pixels, float32 `[passes, C, pixels]`."""


def parse_duration(text: str) -> float:
    """`8h30m`, `45m` or `90s` in seconds; raises SpecError where it is no such time."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip().lower())
    if found is None or not any(found.groups()):
        raise SpecError(f"--deadline: is a time such as 8h30m, 45m or 90s, got {text!r}")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(3600 * hours + 60 * minutes + seconds)


@dataclass(frozen=True, slots=True)
class PricedPass:
    """A pass of the plan and the seconds it takes, with all streams busy."""

    planned: PlannedPass
    seconds: float


def price_passes(
    runtimes: Sequence[Runtime], plan: Plan, images: Sequence[ImageHWC], batch_size: int
) -> list[PricedPass]:
    """The plan in the order in which passes are worth their time, each with what it takes.

    Args:
        runtimes: a loaded model for each member that the plan speaks of.
        plan: all passes of an image.
        images: some like those to come, all of them looked at and the first timed.
        batch_size: how many passes travel together.
    """
    batch_nhwc = np.stack([images[0]] * batch_size)
    seconds = [milliseconds_a_pass(runtime, batch_nhwc) / 1e3 for runtime in runtimes]
    said = [_answers(runtimes, plan, image_hwc) for image_hwc in images]
    shares = [planned.share for planned in plan]
    costs = [seconds[planned.member] for planned in plan]
    return [PricedPass(plan[p], costs[p]) for p in order_by_worth(said, shares, costs)]


def order_by_worth(said: Sequence[Answers], shares: Sequence[float], costs: Sequence[float]) -> list[int]:
    """Greedily the pass that brings most labels nearer to the full ensemble's for its cost.

    Between passes that change no label, the one goes first whose mean comes nearest for its cost.
    """
    passes_cp = np.concatenate(said, axis=2) * np.array(shares, dtype=np.float32)[:, None, None]
    full_cp = passes_cp.sum(axis=0)
    final_p = full_cp.argmax(axis=0)
    order: list[int] = []
    sum_cp = np.zeros_like(full_cp)
    added, wrong, distance = 0.0, 1.0, 2.0
    while len(order) < len(shares):
        outcomes = {}
        for position in set(range(len(shares))) - set(order):
            trial_cp = sum_cp + passes_cp[position]
            far = float(np.abs(trial_cp / (added + shares[position]) - full_cp).sum(axis=0).mean())
            outcomes[position] = (float((trial_cp.argmax(axis=0) != final_p).mean()), far)
        best = max(
            outcomes,
            key=lambda p: (
                round((wrong - outcomes[p][0]) / costs[p], 9),
                (distance - outcomes[p][1]) / costs[p],
                -p,
            ),
        )
        order.append(best)
        sum_cp += passes_cp[best]
        added += shares[best]
        wrong, distance = outcomes[best]
    return order


def _answers(runtimes: Sequence[Runtime], plan: Plan, image_hwc: ImageHWC) -> Answers:
    """What each pass says of pixels spread evenly over an image."""
    pixels = image_hwc.shape[0] * image_hwc.shape[1]
    chosen = slice(None, None, max(1, pixels // PIXELS))
    rows = []
    for planned in plan:
        seen_hwc = np.ascontiguousarray(planned.view.apply(image_hwc))
        answer_chw = runtimes[planned.member].run(seen_hwc[None])[0]
        upright_chw = planned.view.invert(answer_chw)
        rows.append(upright_chw.reshape(len(upright_chw), -1)[:, chosen])
    return np.stack(rows)


class Pace:
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
                f"--deadline: one pass an image alone takes {least:.0f} s, and after loading and measuring"
                f" {max(0.0, left):.0f} s are left: allow more time"
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


@dataclass(frozen=True, slots=True)
class Rush:
    """The passes of a plan, the most valuable first, and how many of them an image gets."""

    plan: Plan
    pace: Pace

    @property
    def dropped(self) -> Plan:
        """The passes that not every image got."""
        return self.plan[self.pace.fewest :]
