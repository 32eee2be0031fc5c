"""The spec's metric in training: on batches as on label maps, and what decides the best epoch."""

from typing import Any

import numpy as np
import pytest
import torch

from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.task import Task, pack_masks
from seg.metrics.open_metric import open_metric
from seg.spec.ensemble.metric import MetricSpec
from seg.train.metrics.epoch_metrics import EpochMetrics, best_epoch
from seg.train.metrics.spec_metric import tally_batch_for_metric

CLASSES = tuple(ClassInfo(name=name, id=number, colour=(0, 0, 0)) for number, name in enumerate("abc"))


@pytest.mark.parametrize("name", ["dice", "miou", "dice+hausdorff", "boundary-iou"])
def test_a_batch_is_tallied_as_its_label_maps(name: str) -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 9, 7)
    labels = torch.randint(0, 3, (2, 9, 7), dtype=torch.uint8)
    labels[:, 0] = IGNORE_INDEX
    metric = open_metric(MetricSpec(name=name), CLASSES, "multiclass")
    expected = sum(
        metric.tally(truth, found.astype(np.uint8))
        for truth, found in zip(labels.numpy(), logits.argmax(1).numpy(), strict=True)
    )
    np.testing.assert_allclose(tally_batch_for_metric(metric, logits, labels).numpy(), expected)


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_a_batch_of_classes_that_overlap_is_tallied_as_its_bits(task: Task) -> None:
    torch.manual_seed(1)
    classes = CLASSES[:1] if task == "binary" else CLASSES
    logits = torch.randn(2, len(classes), 9, 7)
    planes = torch.randint(0, 2, (2, 9, 7, len(classes)), dtype=torch.uint8)
    metric = open_metric(MetricSpec(name="dice"), classes, task)
    expected: Any = 0
    for truth, found in zip(planes.movedim(-1, 1).numpy(), logits.numpy(), strict=True):
        expected = expected + metric.tally(pack_masks(truth == 1), pack_masks(found > 0))
    np.testing.assert_allclose(tally_batch_for_metric(metric, logits, planes).numpy(), expected)
    planes[:, :3] = IGNORE_INDEX
    cut = tally_batch_for_metric(metric, logits[:, :, 3:], planes[:, 3:])
    np.testing.assert_allclose(tally_batch_for_metric(metric, logits, planes).numpy(), cut.numpy())


def test_the_best_epoch_is_that_of_the_metric() -> None:
    def epoch(miou: float, metric: float | None) -> EpochMetrics:
        return EpochMetrics(1.0, 1.0, miou, (miou,), 0.1, metric)

    assert best_epoch([epoch(0.1, None), epoch(0.3, None), epoch(0.2, None)]) == 2
    assert best_epoch([epoch(0.1, 0.4), epoch(0.3, 0.2), epoch(0.2, 0.4)]) == 1
