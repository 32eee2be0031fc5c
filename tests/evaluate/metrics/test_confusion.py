"""mIoU against torchmetrics."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_jaccard_index

from seg.errors import DataError
from seg.evaluate.metrics.confusion import ConfusionMatrix
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX, LabelsHW

CLASSES = tuple(ClassInfo(id=n, name=f"class {n}", colour=(n, n, n)) for n in range(5))


def random_labels(rng: np.random.Generator, labels: int, ignored: float) -> LabelsHW:
    labels_hw = rng.integers(0, labels, size=(7, 9), dtype=np.uint8)
    labels_hw[rng.random((7, 9)) < ignored] = IGNORE_INDEX
    return labels_hw


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), present=st.integers(1, 5), ignored=st.sampled_from([0, 0.4]))
def test_iou_equals_torchmetrics(seed: int, present: int, ignored: float) -> None:
    rng = np.random.default_rng(seed)
    truths = [random_labels(rng, present, ignored) for _ in range(3)]
    predictions = [random_labels(rng, present, 0) for _ in range(3)]
    matrix = ConfusionMatrix(len(CLASSES))
    for truth, predicted in zip(truths, predictions, strict=True):
        matrix.add(truth, predicted)
    scores = matrix.scores(CLASSES)

    expected = multiclass_jaccard_index(
        torch.from_numpy(np.stack(predictions)).long(),
        torch.from_numpy(np.stack(truths)).long(),
        num_classes=len(CLASSES),
        average="none",
        ignore_index=IGNORE_INDEX,
    )
    seen = {
        c.name: float(value)
        for c, value in zip(CLASSES, expected, strict=True)
        if scores.iou[c.name] is not None
    }
    assert {name: iou for name, iou in scores.iou.items() if iou is not None} == pytest.approx(seen)
    assert scores.miou == pytest.approx(sum(seen.values()) / len(seen))


def test_a_class_that_is_absent_altogether_does_not_count() -> None:
    labels_hw = np.array([[0, 0, 1, 1]], dtype=np.uint8)
    scores = ConfusionMatrix(3).add(labels_hw, labels_hw).scores(CLASSES[:3])
    assert scores.iou["class 2"] is None
    assert scores.miou == 1.0


def test_nothing_counted_is_not_a_number() -> None:
    ignored = np.full((2, 2), IGNORE_INDEX, dtype=np.uint8)
    scores = ConfusionMatrix(3).add(ignored, np.zeros_like(ignored)).scores(CLASSES[:3])
    assert math.isnan(scores.miou)
    assert math.isnan(scores.pixel_accuracy)


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(DataError, match=r"\(2, 3\).*\(2, 2\)"):
        ConfusionMatrix(2).add(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))


def test_a_label_outside_the_classes_is_refused() -> None:
    with pytest.raises(DataError, match="label 7"):
        ConfusionMatrix(2).add(np.zeros((1, 1), np.uint8), np.full((1, 1), 7, np.uint8))


def test_a_pixel_of_no_class_is_a_miss_of_its_true_class_and_a_false_positive_of_none() -> None:
    """Counted by hand: class 0 has 3 true pixels, of which one is hit and one has no class; class 1 has 2."""
    truth_hw = np.array([[0, 0, 0, 1, 1, IGNORE_INDEX]], dtype=np.uint8)
    predicted_hw = np.array([[0, IGNORE_INDEX, 1, 1, 1, IGNORE_INDEX]], dtype=np.uint8)
    scores = ConfusionMatrix(2).add(truth_hw, predicted_hw).scores(CLASSES[:2])
    assert scores.iou == {"class 0": 1 / 3, "class 1": 2 / 3}
    assert scores.pixel_accuracy == 3 / 5
