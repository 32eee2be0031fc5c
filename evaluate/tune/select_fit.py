"""Which mixture to hand back, and why.

The best member and equal weights come first. A fitted mixture takes their place only if its gain on
images that it was not fitted on is beyond the noise; and whatever was chosen must score at least what
the best member scores on all images.
"""

from dataclasses import dataclass
from typing import Final

from seg.evaluate.tune.split_half import Trials

SINGLE: Final = "best member"
EQUAL: Final = "equal weights"
ONE_MEMBER: Final = (SINGLE, "best member, class factors")
"""Ways that end with a single member."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The name of the fit that was chosen, and a sentence that says why."""

    name: str
    reason: str


def choose(trials: Trials, on_all: dict[str, float]) -> Verdict:
    """Choose from trials on halves, given each fit's mIoU when fitted and judged on all images."""
    plain = max((SINGLE, EQUAL), key=trials.mean)
    fitted = max((name for name in trials.mious if name not in (SINGLE, EQUAL)), key=trials.mean)
    gain, noise = trials.gain(fitted, plain), trials.noise(fitted, plain)
    compared = (
        f"{fitted} gains {_points(gain)} over {plain} on unseen halves, with a noise of {_points(noise)}"
    )
    chosen = fitted if trials.is_better(fitted, plain) else plain
    if on_all[chosen] < on_all[SINGLE]:
        return Verdict(SINGLE, f"{chosen} scores less than the best member on all images")
    return Verdict(chosen, compared if chosen == fitted else f"{compared}: not beyond it")


def is_worth_its_cost(trials: Trials, chosen: str) -> bool:
    """Whether the chosen ensemble beats the best that one member gives, beyond the noise."""
    alone = max((name for name in ONE_MEMBER if name in trials.mious), key=trials.mean)
    return chosen in ONE_MEMBER or trials.is_better(chosen, alone)


def _points(difference: float) -> str:
    return f"{100 * difference:+.2f} points" if difference < 0 else f"{100 * difference:.2f} points"
