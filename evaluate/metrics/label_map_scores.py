"""Scores of label maps of any task, image by image: IoU, pixel accuracy, and the spec's metric."""

from collections.abc import Sequence

import numpy as np

from seg.evaluate.metrics.confusion import ConfusionMatrix, Scores, totals_of
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap, Task, classes_overlap
from seg.metrics.metric import Metric, TallyC2
from seg.metrics.open_metric import open_metric
from seg.spec.ensemble.metric import MetricSpec


class ExclusiveCounts:
    """Counts of classes of which a pixel has one."""

    def __init__(self, classes: Sequence[ClassInfo]) -> None:
        self._classes = classes
        self._matrix = ConfusionMatrix(len(classes))

    def add(self, truth_hw: LabelMap, predicted_hw: LabelMap) -> TallyC2:
        """Count one image; returns its tally of IoU. Raises DataError as `ConfusionMatrix.add`."""
        counts_cc = ConfusionMatrix(len(self._classes)).add(truth_hw, predicted_hw).counts_cc
        self._matrix.counts_cc += counts_cc
        both, truth, predicted = totals_of(counts_cc)
        return np.stack([both, truth + predicted - both], axis=1).astype(np.float64)

    @property
    def scores(self) -> Scores:
        return self._matrix.scores(self._classes)


class OverlapCounts:
    """Counts of classes that overlap: for each the pixels in truth and prediction."""

    def __init__(self, classes: Sequence[ClassInfo], task: Task) -> None:
        self._classes = classes
        self._iou, self._accuracy = (
            MetricSum(open_metric(MetricSpec(name=name), classes, task))
            for name in ("miou", "pixel-accuracy")
        )

    def add(self, truth_hw: LabelMap, predicted_hw: LabelMap) -> TallyC2:
        """Count one image; returns its tally of IoU. Raises DataError if the sizes differ."""
        self._accuracy.add(self._accuracy.metric.tally(truth_hw, predicted_hw))
        return self._iou.add(self._iou.metric.tally(truth_hw, predicted_hw))

    @property
    def scores(self) -> Scores:
        """The scores so far. `pixel_accuracy` is the share of pixels and classes that are right."""
        return Scores(self._iou.score, self._accuracy.score, self._iou.by_name(self._classes))


class MetricSum:
    """The summed tallies of a metric."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._tally_c2 = np.zeros((len(metric.weights_c), 2))

    def add(self, tally_c2: TallyC2) -> TallyC2:
        self._tally_c2 += tally_c2
        return tally_c2

    @property
    def score(self) -> float:
        return self.metric.score(self._tally_c2[None])

    def by_name(self, classes: Sequence[ClassInfo]) -> dict[str, float | None]:
        scores = self.metric.class_scores(self._tally_c2[None]).tolist()
        return {c.name: None if np.isnan(s) else s for c, s in zip(classes, scores, strict=True)}


class LabelMapScores:
    """Counts label maps, and scores all of them."""

    def __init__(self, classes: Sequence[ClassInfo], task: Task, metric: Metric) -> None:
        self._classes = classes
        self._counts = OverlapCounts(classes, task) if classes_overlap(task) else ExclusiveCounts(classes)
        self._metric = MetricSum(metric)

    def add(self, truth_hw: LabelMap, predicted_hw: LabelMap) -> TallyC2:
        """Count one image; returns its tally of the metric.

        Raises:
            DataError: the sizes differ, or a label has no class.
        """
        iou_c2 = self._counts.add(truth_hw, predicted_hw)
        metric = self._metric.metric
        return self._metric.add(iou_c2 if metric.is_miou else metric.tally(truth_hw, predicted_hw))

    @property
    def scores(self) -> Scores:
        """IoU and pixel accuracy."""
        return self._counts.scores

    @property
    def score(self) -> float:
        """The metric over all images."""
        return self._metric.score

    @property
    def class_scores(self) -> dict[str, float | None]:
        """The metric of each class by name; None where it is absent or does not count."""
        return self._metric.by_name(self._classes)
