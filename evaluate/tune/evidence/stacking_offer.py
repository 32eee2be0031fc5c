"""Whether a stacking can be fitted and judged, and the sentence on what became of it."""

from dataclasses import replace

from seg.evaluate.tune.evidence.choose_departure import ENOUGH_GROUPS, ERRORS, STACKING, gain_over_departure
from seg.evaluate.tune.fits.departures import Departure, Departures
from seg.evaluate.tune.fits.stacking import MOST_COEFFICIENTS
from seg.spec import EnsembleSpec
from seg.spec.ensemble.compatibility import exclusions_in_spec
from seg.spec.ensemble.stacking import StackingSpec


def why_no_stacking(spec: EnsembleSpec, members: int, classes: int, groups: int) -> str:
    """Why a stacking is not fitted, as the rest of a sentence; empty if it can be.

    Args:
        members: those that have weight, or families of them.
        groups: of the images that are fitted on.
    """
    if members < 2:
        return "one member has weight"
    if groups < ENOUGH_GROUPS:
        return f"it needs {ENOUGH_GROUPS} groups to be judged on"
    any_stacking = StackingSpec(classes=(), constants=(), matrices={})
    if excluded := exclusions_in_spec(spec.model_copy(update={"merge": "mean", "stacking": any_stacking})):
        return f"{excluded[0].other} excludes it".replace("`", "'")
    if members * classes**2 > MOST_COEFFICIENTS:
        return f"{members} members of {classes} classes have more than {MOST_COEFFICIENTS} coefficients"
    return ""


def describe_stacking_offer(departures: Departures, chosen: Departure) -> str:
    """What the chosen stacking, or else the best, gains on groups that were left out."""
    without = replace(chosen, stacking=0.0)
    gains = {
        one: gain_over_departure(departures, replace(chosen, stacking=one), without) for one in STACKING[1:]
    }
    shown = chosen.stacking or max(gains, key=lambda strength: gains[strength])
    gain, error = gains[shown]
    gained = f"stacking at {shown:g}: {100 * gain:+.2f} ± {100 * error:.2f} points on groups left out"
    return gained if chosen.stacking else f"{gained}: less than {ERRORS:g} standard errors, so not taken"
