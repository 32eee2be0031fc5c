"""The metric that a spec names, for the classes of its models."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.errors import SpecError
from seg.labels.classes import ClassInfo
from seg.labels.task import Task, classes_overlap
from seg.metrics.boundary_iou import tally_boundary_iou
from seg.metrics.dataset_dice import tally_dataset_dice
from seg.metrics.dice import tally_dice
from seg.metrics.dice_hausdorff import tally_dice_hausdorff
from seg.metrics.iou import tally_iou
from seg.metrics.iou_at import tally_iou_at
from seg.metrics.metric import Metric, TallyClass, class_by_class
from seg.metrics.miou import tally_miou
from seg.metrics.own_function import tally_own_function
from seg.metrics.pixel_accuracy import tally_right_decisions, tally_right_pixels
from seg.metrics.region_iou_at import tally_region_iou_at
from seg.spec.ensemble.by_class import coverage_by_class, numbers_by_class
from seg.spec.ensemble.metric import MetricSpec

_METRICS: Final[dict[str, TallyClass]] = {
    "miou": tally_miou,
    "dice": tally_dice,
    "iou": tally_iou,
    "dataset-dice": tally_dataset_dice,
    "dice+hausdorff": tally_dice_hausdorff,
    "boundary-iou": tally_boundary_iou,
}
_AT_THRESHOLDS: Final = {"iou": tally_iou_at, "region-iou": tally_region_iou_at}


def open_metric(spec: MetricSpec, classes: Sequence[ClassInfo], task: Task) -> Metric:
    """The metric with the weights of the classes.

    Raises:
        SpecError: a class is none of the dataset's, none counts, or the user's own function cannot be used.
    """
    weights_c = _class_weights_of_metric(spec, classes)
    if own := spec.own_function:
        return Metric(spec.name, task, weights_c, tally_own_function(own, weights_c > 0))
    if spec.name == "pixel-accuracy":
        tally = tally_right_decisions if classes_overlap(task) else tally_right_pixels
        return Metric(spec.name, task, weights_c, class_by_class(tally), pooled=True)
    return Metric(spec.name, task, weights_c, class_by_class(_tally_of_metric(spec)))


def _tally_of_metric(spec: MetricSpec) -> TallyClass:
    if at := spec.at_thresholds:
        return _AT_THRESHOLDS[at.name](at.thresholds)
    return _METRICS[spec.name]


def _class_weights_of_metric(spec: MetricSpec, classes: Sequence[ClassInfo]) -> NDArray[np.float64]:
    left_out = coverage_by_class("metric: without", spec.without, classes) or (0.0,) * len(classes)
    weights = numbers_by_class("metric: class_weights", spec.class_weights, classes) or (1.0,) * len(classes)
    weights_c: NDArray[np.float64] = np.array(weights) * (1 - np.array(left_out))
    if not weights_c.any():
        raise SpecError("metric: without: leaves no class to judge")
    return weights_c
