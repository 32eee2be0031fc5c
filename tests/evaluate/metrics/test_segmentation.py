"""Figures against torchmetrics and brute force."""

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from torchmetrics import Metric, classification

from seg.evaluate.metrics.boundary import BAND, NEAR, boundary_f, boundary_iou, count_boundaries
from seg.evaluate.metrics.segmentation import SegmentationMetrics, paired_miou_interval
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from tests.engine.tiny_models import CLASSES

C = len(CLASSES)


def pairs(seed: int, images: int = 5, absent: int | None = None) -> list[tuple[LabelsHW, LabelsHW]]:
    """Truths with ignored pixels, and predictions that are right most of the time."""
    random = np.random.default_rng(seed)
    labels = [label for label in range(C) if label != absent]
    found = []
    for _ in range(images):
        size = random.integers(3, 12, 2)
        truth_hw = random.choice(labels, size).astype(np.uint8)
        predicted_hw = np.where(random.random(size) < 0.7, truth_hw, random.choice(labels, size)).astype(
            np.uint8
        )
        truth_hw[random.random(size) < 0.1] = IGNORE_INDEX
        found.append((truth_hw, predicted_hw))
    return found


def judged(images: list[tuple[LabelsHW, LabelsHW]]) -> SegmentationMetrics:
    judge = SegmentationMetrics(CLASSES)
    for number, (truth_hw, predicted_hw) in enumerate(images):
        judge.add(f"image_{number}", truth_hw, predicted_hw)
    return judge


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_torchmetrics(seed: int) -> None:
    images = pairs(seed)
    figures = judged(images).scores()
    truth = torch.tensor(np.concatenate([t.ravel() for t, _ in images]).astype(int))
    predicted = torch.tensor(np.concatenate([p.ravel() for _, p in images]).astype(int))

    def theirs(metric: Callable[..., Metric], average: str) -> torch.Tensor:
        result: torch.Tensor = metric(C, average=average, ignore_index=IGNORE_INDEX)(predicted, truth)
        return result

    jaccard, f1 = classification.MulticlassJaccardIndex, classification.MulticlassF1Score
    assert figures.miou == pytest.approx(float(theirs(jaccard, "macro")), abs=1e-5)
    assert figures.frequency_weighted_iou == pytest.approx(float(theirs(jaccard, "weighted")), abs=1e-5)
    assert figures.mean_dice == pytest.approx(float(theirs(f1, "macro")), abs=1e-5)
    assert figures.pixel_accuracy == pytest.approx(
        float(theirs(classification.MulticlassAccuracy, "micro")), abs=1e-5
    )
    assert figures.mean_accuracy == pytest.approx(
        float(theirs(classification.MulticlassAccuracy, "macro")), abs=1e-5
    )
    by_class: list[tuple[str, Callable[..., Metric]]] = [
        ("iou", jaccard),
        ("dice", f1),
        ("precision", classification.MulticlassPrecision),
        ("recall", classification.MulticlassRecall),
    ]
    for name, metric in by_class:
        ours = [getattr(c, name) for c in figures.classes]
        assert ours == pytest.approx(theirs(metric, "none").tolist(), abs=1e-5)


def test_a_class_that_is_absent_is_left_out_of_means() -> None:
    figures = judged(pairs(0, absent=2)).scores()
    assert figures.classes[2].iou is None
    assert figures.classes[2].iou_interval is None
    present = [c.iou for c in figures.classes if c.iou is not None]
    assert figures.miou == pytest.approx(np.mean(present))


def test_contest_figures_are_means_over_images() -> None:
    images = pairs(1)
    figures = judged(images).scores()
    alone = [judged([image]).scores() for image in images]
    assert figures.image_miou == pytest.approx(np.mean([f.miou for f in alone]))
    assert figures.per_image_miou["image_3"] == pytest.approx(alone[3].miou)
    dice = []
    for truth_hw, predicted_hw in images:
        known = truth_hw != IGNORE_INDEX
        for label in range(C):
            t, p = (truth_hw == label) & known, (predicted_hw == label) & known
            dice.append(2 * (t & p).sum() / (t.sum() + p.sum()) if t.any() or p.any() else 1.0)
    assert figures.kaggle_dice == pytest.approx(np.mean(dice))


def test_intervals_hold_the_figure_and_shrink_with_images() -> None:
    few, many = (judged(pairs(2, images=n)).scores() for n in (5, 80))
    for figures in (few, many):
        low, high = figures.miou_interval
        assert low <= figures.miou <= high
    assert np.ptp(many.miou_interval) < np.ptp(few.miou_interval)


def test_a_paired_interval_knows_a_better_submission() -> None:
    images = pairs(3, images=30)
    good = judged(images).counts
    bad = judged([(t, np.roll(p, 1, axis=0)) for t, p in images]).counts
    gain, low, high = paired_miou_interval(bad, good)
    assert 0 < low < gain < high
    assert paired_miou_interval(good, good) == (0, 0, 0)


def test_copies_of_an_image_in_its_group_narrow_no_interval() -> None:
    images = pairs(4, images=6)
    once = judged(images)
    copies = [f"image_{number % 6}" for number in range(24)]
    often = SegmentationMetrics(CLASSES, {f"{n}": name for n, name in enumerate(copies)})
    for number, (truth_hw, predicted_hw) in enumerate(images * 4):
        often.add(str(number), truth_hw, predicted_hw)
    assert often.scores().miou_interval == pytest.approx(once.scores().miou_interval)
    assert often.scores().classes[0].iou_interval == pytest.approx(once.scores().classes[0].iou_interval)
    worse = [np.roll(counts, 1, axis=1) for counts in once.counts]
    alone = paired_miou_interval(worse, once.counts)
    assert paired_miou_interval(worse * 4, often.counts, often.unit_i) == pytest.approx(alone)
    assert np.ptp(paired_miou_interval(worse * 4, often.counts)[1:]) < np.ptp(alone[1:])


def smooth_maps(seed: int, height: int, width: int) -> tuple[LabelsHW, LabelsHW]:
    """Two label maps of large areas."""
    random = np.random.default_rng(seed)

    def drawn() -> LabelsHW:
        noise = random.normal(size=(C, 6, 6)).astype(np.float32)
        planes = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_CUBIC) for plane in noise]
        return np.asarray(np.argmax(planes, axis=0), dtype=np.uint8)

    return drawn(), drawn()


def band_by_erosion(mask_hw: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """As the authors of Boundary IoU do it: erode a padded mask step by step, and subtract."""
    padded = np.pad(mask_hw.astype(np.uint8), 1)
    eroded = cv2.erode(padded, np.ones((3, 3), dtype=np.uint8), iterations=steps)[1:-1, 1:-1]
    return mask_hw & ~eroded.astype(np.bool_)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999), height=st.integers(4, 90), width=st.integers(4, 90))
def test_boundary_iou_is_that_of_eroded_masks(seed: int, height: int, width: int) -> None:
    maps = smooth_maps(seed, height, width)
    truth_hw, predicted_hw = maps
    counts = count_boundaries(truth_hw, predicted_hw, C)
    steps = max(1, round(BAND * math.hypot(height, width)))
    for label, ours in enumerate(boundary_iou(counts)):
        a, b = (band_by_erosion(labels_hw == label, steps) for labels_hw in maps)
        assert ours == pytest.approx((a & b).sum() / (a | b).sum() if (a | b).any() else np.nan, nan_ok=True)


def contour(mask_hw: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask that have a neighbour outside of it, also diagonally; by scipy."""
    return mask_hw & ~np.asarray(ndimage.binary_erosion(mask_hw, np.ones((3, 3))), dtype=np.bool_)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999), height=st.integers(4, 700), width=st.integers(4, 700))
def test_boundary_f_is_that_of_exact_distances(seed: int, height: int, width: int) -> None:
    truth_hw, predicted_hw = smooth_maps(seed, height, width)
    near = max(1, round(NEAR * math.hypot(height, width)))
    for label, ours in enumerate(boundary_f(count_boundaries(truth_hw, predicted_hw, C))):
        lines = [contour(labels_hw == label) for labels_hw in (truth_hw, predicted_hw)]
        if not any(line.any() for line in lines):
            assert np.isnan(ours)
        elif not all(line.any() for line in lines):
            assert ours == 0
        else:
            distances = [ndimage.distance_transform_edt(~line) for line in lines]
            recall, precision = (distances[1 - k][lines[k]] <= near for k in range(2))
            shares = float(precision.mean()), float(recall.mean())
            expected = 2 * shares[0] * shares[1] / sum(shares) if sum(shares) else 0.0
            assert ours == pytest.approx(expected)
