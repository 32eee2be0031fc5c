"""Metrics of classes that overlap against torchmetrics, plain loops, and those of one class a pixel."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torchmetrics.classification import MultilabelJaccardIndex, MultilabelPrecision, MultilabelRecall

from seg.errors import DataError
from seg.evaluate.metrics.boundary import count_boundaries, count_mask_boundaries
from seg.evaluate.metrics.metric_intervals import class_intervals, metric_interval
from seg.evaluate.metrics.overlapping import OverlappingMetrics
from seg.labels.classes import ClassInfo
from seg.labels.task import pack_masks, truth_dtype
from seg.metrics.open_metric import open_metric
from seg.spec.ensemble.metric import MetricSpec

CLASSES = tuple(ClassInfo(id=n, name=name, colour=(n, n, n)) for n, name in enumerate("abc"))
IGNORED = -1

Masks = NDArray[np.bool_]


def random_masks(seed: int) -> tuple[Masks, Masks, Masks]:
    """True and predicted masks `[I, C, H, W]`, many of them empty, and ignored pixels `[I, H, W]`."""
    random = np.random.default_rng(seed)
    truth, predicted = (random.random((5, 3, 9, 11)) < 0.4 for _ in range(2))
    truth[random.random((5, 3)) < 0.5] = False
    predicted[random.random((5, 3)) < 0.5] = False
    return truth, predicted, random.random((5, 9, 11)) < 0.2


def counted(truth: Masks, predicted: Masks, ignored: Masks) -> OverlappingMetrics:
    metrics = OverlappingMetrics(CLASSES)
    dtype = truth_dtype("multilabel", len(CLASSES))
    for image in range(len(truth)):
        truth_hw = np.where(ignored[image], dtype.type(8), pack_masks(truth[image]).astype(dtype))
        metrics.add(str(image), truth_hw, pack_masks(predicted[image]))
    return metrics


@settings(max_examples=15)
@given(seed=st.integers(0, 200))
def test_scores_of_all_pixels_are_those_of_torchmetrics(seed: int) -> None:
    truth, predicted, ignored = random_masks(seed)
    target = np.where(ignored[:, None], IGNORED, truth.astype(np.int64))
    target[0, :, 0, 0], predicted[0, :, 0, 0], truth[0, :, 0, 0] = 1, True, True
    ignored[0, 0, 0] = False
    scores = counted(truth, predicted, ignored).scores()
    for name, metric in (
        ("iou", MultilabelJaccardIndex(3, average="none", ignore_index=IGNORED)),
        ("precision", MultilabelPrecision(3, average="none", ignore_index=IGNORED)),
        ("recall", MultilabelRecall(3, average="none", ignore_index=IGNORED)),
    ):
        expected = metric(torch.from_numpy(predicted.astype(np.float32)), torch.from_numpy(target)).tolist()
        assert [getattr(c, name) for c in scores.classes] == pytest.approx(expected, abs=1e-6), name


@settings(max_examples=15)
@given(seed=st.integers(0, 200))
def test_scores_of_images_and_presence_are_those_of_a_loop(seed: int) -> None:
    truth, predicted, ignored = random_masks(seed)
    dice = np.zeros((5, 3))
    missed, invented, shown = (np.zeros(3, int) for _ in range(3))
    for image, c in np.ndindex(5, 3):
        true = truth[image, c][~ignored[image]]
        found = predicted[image, c][~ignored[image]]
        total = true.sum() + found.sum()
        dice[image, c] = 2 * (true & found).sum() / total if total else 1
        shown[c] += true.any()
        missed[c] += true.any() and not found.any()
        invented[c] += found.any() and not true.any()
    scores = counted(truth, predicted, ignored).scores()
    assert scores.image_dice == pytest.approx(dice.mean())
    assert list(scores.per_image_dice.values()) == pytest.approx(dice.mean(1).tolist())
    assert [c.image_dice for c in scores.classes] == pytest.approx(dice.mean(0).tolist())
    assert [(c.images, c.missed_images, c.invented_images) for c in scores.classes] == list(
        zip(shown.tolist(), missed.tolist(), invented.tolist(), strict=True)
    )


@settings(max_examples=15)
@given(seed=st.integers(0, 200))
def test_boundaries_of_a_mask_are_those_of_a_map_of_two_classes(seed: int) -> None:
    truth, predicted, ignored = (one[0] for one in random_masks(seed))
    counts = count_mask_boundaries(truth, predicted, ~ignored)
    for c in range(3):
        as_map = np.where(ignored, np.uint8(255), (truth[c] & ~ignored).astype(np.uint8))
        expected = count_boundaries(as_map, predicted[c].astype(np.uint8), 2)[1]
        own = count_mask_boundaries(truth[c][None] & ~ignored, predicted[c][None], ~ignored)
        np.testing.assert_array_equal(own[0], expected)
    assert counts.shape == (3, 6)


def test_the_interval_of_a_class_is_that_of_a_metric_of_this_class() -> None:
    tallies = np.random.default_rng(0).random((7, 3, 2)) * (0.4, 1)
    every = open_metric(MetricSpec(name="miou"), CLASSES, "multilabel")
    for c, interval in enumerate(class_intervals(every, tallies)):
        others = [info.name for info in CLASSES if info is not CLASSES[c]]
        alone = open_metric(MetricSpec(name="miou", without=others), CLASSES, "multilabel")
        assert interval == pytest.approx(metric_interval(alone, tallies))
    assert class_intervals(every, tallies[:1]) == (None, None, None)
    tallies[:, 1] = 0
    assert class_intervals(every, tallies)[1] is None


def test_other_sizes_are_refused() -> None:
    with pytest.raises(DataError, match="score predictions at the size of the labels"):
        OverlappingMetrics(CLASSES).add("a", np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8))
