"""Counts of classes that overlap over a whole split, and scores from them: what a confusion matrix is of
classes that exclude each other.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np

from seg.evaluate.metrics.confusion import ConfusionMatrix, Scores
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap, Task, classes_overlap
from seg.metrics.metric import Metric
from seg.metrics.open_metric import open_metric
from seg.spec.ensemble.metric import MetricSpec


class OverlapCounts:
    """Counts, for each class, the pixels in truth and prediction."""

    def __init__(self, classes: Sequence[ClassInfo], task: Task) -> None:
        self._classes = classes
        self._iou, self._accuracy = (
            _Sum(open_metric(MetricSpec(name=name), classes, task)) for name in ("miou", "pixel-accuracy")
        )

    def add(self, truth_hw: LabelMap, predicted_hw: LabelMap) -> Self:
        """Count one image; raises DataError if the sizes differ."""
        for total in (self._iou, self._accuracy):
            total.add(truth_hw, predicted_hw)
        return self

    def scores(self, classes: Sequence[ClassInfo]) -> Scores:
        """The scores so far. `pixel_accuracy` is the share of pixels and classes that are right."""
        return Scores(self._iou.score, self._accuracy.score, self._iou.by_name(classes))


class _Sum:
    """The summed tallies of a metric."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._tally_c2 = np.zeros((len(metric.weights_c), 2))

    def add(self, truth_hw: LabelMap, predicted_hw: LabelMap) -> None:
        self._tally_c2 += self._metric.tally(truth_hw, predicted_hw)

    @property
    def score(self) -> float:
        return self._metric.score(self._tally_c2[None])

    def by_name(self, classes: Sequence[ClassInfo]) -> dict[str, float | None]:
        scores = self._metric.class_scores(self._tally_c2[None]).tolist()
        return {c.name: None if np.isnan(s) else s for c, s in zip(classes, scores, strict=True)}


class LabelMapScores:
    """Scores of label maps of any task, image by image: IoU, pixel accuracy, and the spec's metric."""

    def __init__(self, classes: Sequence[ClassInfo], task: Task, metric: MetricSpec) -> None:
        self._classes = classes
        self._counts = (
            OverlapCounts(classes, task) if classes_overlap(task) else ConfusionMatrix(len(classes))
        )
        opened = open_metric(metric, classes, task)
        self._metric = None if opened.is_miou else _Sum(opened)

    def add(self, truth_hw: LabelMap, predicted_hw: LabelMap) -> None:
        """Count one image; raises DataError if the sizes differ or a label has no class."""
        self._counts.add(truth_hw, predicted_hw)
        if self._metric:
            self._metric.add(truth_hw, predicted_hw)

    @property
    def scores(self) -> Scores:
        """IoU and pixel accuracy."""
        return self._counts.scores(self._classes)

    @property
    def metric(self) -> tuple[float, dict[str, float | None]]:
        """The spec's metric, and that of each class by name; None where it is absent or does not count."""
        if self._metric is None:
            return self.scores.miou, self.scores.iou
        return self._metric.score, self._metric.by_name(self._classes)
