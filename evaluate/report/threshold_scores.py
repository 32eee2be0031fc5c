"""The score of a class at every threshold, before anything looks at regions."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seg.evaluate.tune.overlapping.threshold_curves import THRESHOLDS, count_at_thresholds
from seg.metrics.from_counts import Counts, class_score_from_counts, tallies_from_counts
from seg.spec.ensemble.metric import MetricSpec


@dataclass(slots=True)
class ThresholdScores:
    """Accumulates images one by one. Another stands in for a metric that looks at shapes."""

    metric: MetricSpec
    counts: list[Counts] = field(default_factory=list)

    def add(self, probabilities_n: NDArray[np.float32], truth_n: NDArray[np.bool_]) -> None:
        """Count the labelled pixels of one image."""
        self.counts.append(count_at_thresholds(probabilities_n[None], truth_n[None]))

    @property
    def name(self) -> str:
        """The name of the metric of `scores`."""
        return tallies_from_counts(self.metric, "multilabel")[0]

    @property
    def scores(self) -> list[tuple[float, float]]:
        """Each threshold with its score, where there is something to judge."""
        all_images = Counts(*(np.concatenate(part, axis=-1) for part in zip(*self.counts, strict=True)))
        _, tallies = tallies_from_counts(self.metric, "multilabel")
        scores_t = class_score_from_counts(tallies, all_images)
        pairs = zip(THRESHOLDS.tolist(), scores_t.tolist(), strict=True)
        return [(threshold, score) for threshold, score in pairs if np.isfinite(score)]
