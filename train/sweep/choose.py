"""Choose trials that complement each other in an ensemble, by greedy forward selection.

The first is the best trial alone; then always the trial that raises the metric of the mean of probabilities
most, as long as it rises. Random pixels of each image decide; where they do not say enough of a metric, the
ensembles so far are judged on whole label maps before they are taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.data import Split
from seg.data.groups import group_images, jackknife_error
from seg.labels.task import Task, classes_overlap
from seg.metrics.from_counts import open_counted_metric
from seg.metrics.image_tallies import ImageTallies
from seg.spec.dataset.groups import GroupSpec
from seg.spec.ensemble.metric import MetricSpec
from seg.terminal.progress import progress
from seg.train.sweep.trial_pixels import (
    ProbabilitiesPC,
    judge_trial_pixels,
    sample_trial_pixels,
    trial_probabilities_at,
)
from seg.train.sweep.trials import TrialResult
from seg.train.sweep.whole_ensembles import judge_ensembles_of_trials

CANDIDATES_PER_CHOICE: Final = 4
"""Candidates per trial to choose: the best trials alone."""


@dataclass(frozen=True, slots=True)
class ChosenTrial:
    """A trial in the order of choice.

    Attributes:
        score: of the ensemble up to it.
        error: of what it adds to those before, the standard error across groups; infinite for one group.
        disagreement: the share of labels that differ from those before.
    """

    outcome: TrialResult
    score: float
    error: float
    disagreement: float


def choose_complementary(
    outcomes: list[TrialResult],
    runs: Path,
    val: Split,
    count: int,
    metric: MetricSpec,
    group: GroupSpec | None = None,
) -> list[ChosenTrial]:
    """Choose at most `count` of the finished trials, the best first; `group` is that of the dataset.

    Raises:
        SpecError: an image has no group, or the metric cannot be used.
        DataError: a validation image cannot be read.
        ModelError: a trial's checkpoint cannot be read.
    """
    counted = open_counted_metric(metric, val.classes, val.task)
    candidates = [outcome for outcome in outcomes if outcome.is_finished][: CANDIDATES_PER_CHOICE * count]
    pixels = sample_trial_pixels(val)
    labels = group_images(val.samples, group).labels if len(candidates) > 1 else ("",) * len(val.samples)
    group_i = np.unique(labels, return_inverse=True)[1]
    with progress("compare", len(candidates) * len(val.samples), unit="images") as advance:
        probabilities = [
            trial_probabilities_at(checkpoint_of_trial(runs, one), val, pixels.positions, advance)
            for one in candidates
        ]
    chosen: list[ChosenTrial] = []
    left = dict(enumerate(probabilities))
    total = np.zeros_like(probabilities[0]) if probabilities else np.zeros((0, 0), dtype=np.float32)
    before: ImageTallies | None = None
    while left and len(chosen) < count:
        judged = {
            number: judge_trial_pixels(counted, pixels, total + own, len(chosen) + 1)
            for number, own in left.items()
        }
        if before is None and counted.needs_whole_maps:
            best = min(left)  # The outcomes are in order of their scores, which are of whole label maps.
        else:
            best = max(judged, key=lambda number: judged[number].score)
        if before and not judged[best].score > before.score:
            break
        error = _gain_error_of_trial(judged[best], before, group_i) if before else float("inf")
        before = judged[best]
        own = left.pop(best)
        disagreement = _disagreement_of_trials(val.task, own, total, len(chosen)) if chosen else 0.0
        chosen.append(ChosenTrial(candidates[best], before.score, error, disagreement))
        total = total + own
    if not counted.needs_whole_maps:
        return chosen
    checkpoints = [checkpoint_of_trial(runs, one.outcome) for one in chosen]
    return _trials_that_raise_score(
        chosen, judge_ensembles_of_trials(checkpoints, val, counted.metric), group_i
    )


def checkpoint_of_trial(runs: Path, outcome: TrialResult) -> Path:
    """The best epoch of a trial."""
    return runs / outcome.name / "model.safetensors"


def _trials_that_raise_score(
    chosen: Sequence[ChosenTrial], judged: Sequence[ImageTallies], group_i: NDArray[np.intp]
) -> list[ChosenTrial]:
    """The trials up to the last that raises the score, with scores of whole label maps."""
    kept: list[ChosenTrial] = []
    before: ImageTallies | None = None
    for one, tallies in zip(chosen, judged, strict=True):
        if before and not tallies.score > before.score:
            break
        error = _gain_error_of_trial(tallies, before, group_i) if before else float("inf")
        kept.append(replace(one, score=tallies.score, error=error))
        before = tallies
    return kept


def _gain_error_of_trial(after: ImageTallies, before: ImageTallies, group_i: NDArray[np.intp]) -> float:
    """The standard error across groups of the gain in the score."""
    after_g, before_g = after.by_group(group_i), before.by_group(group_i)
    groups = range(int(group_i.max()) + 1)
    if len(groups) == 1:
        return float("inf")
    return jackknife_error([after_g.without(one).score - before_g.without(one).score for one in groups])


def _disagreement_of_trials(task: Task, one: ProbabilitiesPC, others: ProbabilitiesPC, count: int) -> float:
    """The share of labels that differ between probabilities and the sum of `count` others."""
    if classes_overlap(task):
        return float(((one > 0.5) != (others > count / 2)).mean())
    return float((one.argmax(1) != others.argmax(1)).mean())
