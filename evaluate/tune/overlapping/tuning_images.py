"""The images that weights and rules of overlapping classes are fitted on, and by what they are judged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.cache.labelled_passes import LabelledPasses
from seg.evaluate.metrics.groups import GroupI
from seg.evaluate.tune.evidence.by_group import (
    Criterion,
    folds_of_groups,
    gain_error_across_groups,
    score_by_criterion,
)
from seg.evaluate.tune.overlapping.judge_decisions import Rules
from seg.metrics.from_counts import CountedMetric
from seg.metrics.image_tallies import ImageTallies

Fitted = TypeVar("Fitted")


@dataclass(frozen=True)
class TuningImages:
    """Images with the passes of all members.

    Attributes:
        group_i: the group of each image; of one group, a block of images that follow one another.
        given: the rules of the classes, without what is fitted.
    """

    passes: LabelledPasses
    metric: CountedMetric
    group_i: GroupI
    criterion: Criterion
    given: Rules

    def fit_left_out(self, fit: Callable[[NDArray[np.bool_]], Fitted]) -> list[Fitted]:
        """For each image, what is fitted on all folds of whole groups but its own."""
        fold_i = folds_of_groups(self.group_i)
        fits = [fit(fold_i != fold) for fold in range(int(fold_i.max()) + 1)]
        return [fits[fold] for fold in fold_i]

    def score(self, judged: ImageTallies) -> float:
        """The score of all images, or of the worst group."""
        return score_by_criterion(judged, self.group_i, self.criterion)

    def gain(self, judged: ImageTallies, over: ImageTallies) -> tuple[float, float]:
        """The difference of two scores, and its standard error across groups."""
        difference = self.score(judged) - self.score(over)
        return difference, gain_error_across_groups(judged, over, self.group_i, self.criterion)
