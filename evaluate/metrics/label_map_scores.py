"""Scores of label maps of any task: IoU, pixel accuracy, and the spec's metric."""

from collections.abc import Sequence

import numpy as np

from seg.errors import SpecError
from seg.evaluate.metrics.confusion import ConfusionMatrix, ConfusionScores, totals_of_confusion
from seg.evaluate.metrics.ratios import score_or_none
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap, Task, classes_overlap
from seg.metrics.metric import Metric, TalliesIC2, TallyC2
from seg.metrics.open_metric import open_metric
from seg.spec.ensemble.metric import MIOU, MetricSpec


class LabelMapScores:
    """Counts the images of a split one by one, in any order.

    Attributes:
        metric: the spec's.
        tallies_ic2: of the metric, of each image.
    """

    def __init__(self, classes: Sequence[ClassInfo], task: Task, spec: MetricSpec, images: int) -> None:
        self.metric = open_metric(spec, classes, task)
        self.tallies_ic2: TalliesIC2 = np.zeros((images, len(classes), 2))
        self._classes = classes
        self._confusion = None if classes_overlap(task) else ConfusionMatrix(len(classes))
        self._iou = _SummedScores(open_metric(MIOU, classes, task))
        self._accuracy = _SummedScores(open_metric(MetricSpec(name="pixel-accuracy"), classes, task))

    def add(self, image: int, truth_hw: LabelMap, predicted_hw: LabelMap) -> None:
        """Count one image; raises DataError if the sizes differ or a label has no class."""
        iou_c2 = self._count(truth_hw, predicted_hw)
        self.tallies_ic2[image] = iou_c2 if self.metric.is_miou else self.metric.tally(truth_hw, predicted_hw)

    @property
    def scores(self) -> ConfusionScores:
        """IoU and pixel accuracy; where classes overlap, that of pixels and classes."""
        if self._confusion:
            return self._confusion.scores(self._classes)
        iou = self._iou.metric.class_scores(self._iou.tally_c2[None]).tolist()
        return ConfusionScores(
            self._iou.score, self._accuracy.score, scores_by_class_name(self._classes, iou)
        )

    @property
    def score(self) -> float:
        """Of the metric."""
        if self.metric.is_miou:
            return self.scores.miou
        score = self.metric.score(self.tallies_ic2)
        if np.isnan(score):
            raise SpecError(f"metric: {self.metric.name}: had nothing to judge in any image")
        return score

    @property
    def class_scores(self) -> dict[str, float | None]:
        """Of the metric, by the name of a class; None where it is absent or does not count."""
        return scores_by_class_name(self._classes, self.metric.class_scores(self.tallies_ic2).tolist())

    def _count(self, truth_hw: LabelMap, predicted_hw: LabelMap) -> TallyC2:
        """Count for IoU and pixel accuracy; returns the tally of mIoU."""
        if self._confusion:
            counts_cc = ConfusionMatrix(len(self._classes)).add(truth_hw, predicted_hw).counts_cc
            self._confusion.counts_cc += counts_cc
            hit, truth, predicted = totals_of_confusion(counts_cc)
            return np.stack([hit, truth + predicted - hit], axis=1).astype(np.float64)
        self._accuracy.add(truth_hw, predicted_hw)
        return self._iou.add(truth_hw, predicted_hw)


class _SummedScores:
    """The summed tallies of a metric."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.tally_c2 = np.zeros((len(metric.weights_c), 2))

    def add(self, truth_hw: LabelMap, predicted_hw: LabelMap) -> TallyC2:
        tally_c2 = self.metric.tally(truth_hw, predicted_hw)
        self.tally_c2 += tally_c2
        return tally_c2

    @property
    def score(self) -> float:
        return self.metric.score(self.tally_c2[None])


def scores_by_class_name(classes: Sequence[ClassInfo], scores_c: Sequence[float]) -> dict[str, float | None]:
    """Scores by the names of classes; None where there is none."""
    return {c.name: score_or_none(score) for c, score in zip(classes, scores_c, strict=True)}
