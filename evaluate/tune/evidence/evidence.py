"""What a tuning was judged on, in a sentence: for the command line and as a comment of the YAML."""

from seg.evaluate.tune.evidence.choose_departure import ENOUGH_GROUPS
from seg.evaluate.tune.tune import TuningResult


def describe_tuning_evidence(tuned: TuningResult) -> str:
    """The selected candidate, what it gains, and on what that was judged.

    A gain is only claimed of groups that nothing was fitted on.
    """
    selected = tuned.selected
    judged_on = f"{tuned.groups}, about {tuned.independent:.0f} independent"
    if tuned.on == "folds":
        judged_on = f"{judged_on}, of training out of fold"
    scores = selected.left_out
    if scores is None:
        return (
            f"{selected.name}: {judged_on}: a gain on other images cannot be measured, so little is fitted;"
            " label images of more groups"
        )
    what = tuned.metric.title + ("" if tuned.criterion == "mean" else " of the worst group")
    gained = f"{100 * scores.gain:+.2f} ± {100 * scores.error:.2f} points of {what} over equal weights"
    few = "" if tuned.groups.count >= ENOUGH_GROUPS else f"; class factors need {ENOUGH_GROUPS} groups"
    return (
        f"{selected.name}: {gained} on groups that were left out, of {judged_on}{few}"
        if scores.gain
        else f"{selected.name}: nothing gains on groups that were left out, of {judged_on}{few}"
    )
