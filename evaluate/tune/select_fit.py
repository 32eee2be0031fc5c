"""Selection of the fit that tuning returns.

The best member and equal weights are the baselines. A fitted mixture replaces them only if its gain on images
that it was not fitted on exceeds the noise. The selected mixture must also score at least as high as the best
member on all images.
"""

from dataclasses import dataclass
from typing import Final

from seg.evaluate.tune.split_half import SplitHalfResults

SINGLE: Final = "best member"
EQUAL: Final = "equal weights"
ONE_MEMBER: Final = (SINGLE, "best member, class factors")
"""Fits whose result is a single member."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The name of the selected fit, and the reason in a sentence."""

    name: str
    reason: str


def select_fit(trials: SplitHalfResults, on_all: dict[str, float]) -> Selection:
    """Select a fit from split-half results, and each fit's mIoU when fitted and scored on all images."""
    plain = max((SINGLE, EQUAL), key=trials.mean)
    fitted = max((name for name in trials.mious if name not in (SINGLE, EQUAL)), key=trials.mean)
    gain, noise = trials.gain(fitted, plain), trials.noise(fitted, plain)
    compared = (
        f"{fitted} gains {_as_points(gain)} over {plain} on unseen halves,"
        f" with a noise of {_as_points(noise)}"
    )
    chosen = fitted if trials.is_better(fitted, plain) else plain
    if on_all[chosen] < on_all[SINGLE]:
        return Selection(SINGLE, f"{chosen} scores less than the best member on all images")
    return Selection(chosen, compared if chosen == fitted else f"{compared}: not beyond it")


def is_worth_its_cost(trials: SplitHalfResults, chosen: str) -> bool:
    """Whether the selected ensemble beats the best single member by more than the noise."""
    alone = max((name for name in ONE_MEMBER if name in trials.mious), key=trials.mean)
    return chosen in ONE_MEMBER or trials.is_better(chosen, alone)


def _as_points(difference: float) -> str:
    return f"{100 * difference:+.2f} points" if difference < 0 else f"{100 * difference:.2f} points"
