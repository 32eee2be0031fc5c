"""Choose trials that complement each other in an ensemble, by greedy forward selection.

The first is the best trial alone; then always the trial that raises the mIoU of the mean of probabilities
most, as long as it rises.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seg.data import Split
from seg.data.groups import group_images, jackknife_error
from seg.labels.task import Task, classes_overlap, ignored_in
from seg.spec.dataset.groups import GroupSpec
from seg.terminal.progress import Advance, progress
from seg.train.metrics.overlap_counts import iou_of, overlap_counts
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.networks.pixel_scaling import scale_of
from seg.train.networks.segmenter import Segmenter
from seg.train.splits.class_planes import class_planes
from seg.train.splits.decoded_split import DecodedSplit
from seg.train.sweep.trials import TrialResult

PIXELS_PER_IMAGE: Final = 2000
"""Labelled pixels per image on which trials are compared."""

CANDIDATES_PER_CHOICE: Final = 4
"""Candidates per trial to choose: the best trials alone."""


@dataclass(frozen=True, slots=True)
class ChosenTrial:
    """A trial in the order of choice.

    Attributes:
        miou: of the ensemble up to it.
        error: of what it adds to those before, the standard error across groups; infinite for one group.
        disagreement: the share of labels that differ from those before.
    """

    outcome: TrialResult
    miou: float
    error: float
    disagreement: float


def choose_complementary(
    outcomes: list[TrialResult], runs: Path, val: Split, count: int, group: GroupSpec | None = None
) -> list[ChosenTrial]:
    """Choose at most `count` of the finished trials, the best first; `group` is that of the dataset.

    Raises:
        SpecError: an image has no group.
        DataError: a validation image cannot be read.
        ModelError: a trial's checkpoint cannot be read.
    """
    candidates = [outcome for outcome in outcomes if outcome.is_finished][: CANDIDATES_PER_CHOICE * count]
    truth, pixels = _sample_pixels(val)
    labels = group_images(val.samples, group).labels if len(candidates) > 1 else ("",) * len(pixels)
    groups = np.repeat(np.unique(labels, return_inverse=True)[1], [len(places) for places in pixels])

    def count_pixels(scores: NDArray[np.float32], count: int) -> Tensor:
        return _counts_by_group(truth, scores, count, groups)

    with progress("compare", len(candidates) * len(val.samples), unit="images") as advance:
        probabilities = []
        for outcome in candidates:
            probabilities.append(
                _probabilities(runs / outcome.name / "model.safetensors", val, pixels, advance)
            )
    chosen: list[ChosenTrial] = []
    left = dict(enumerate(probabilities))
    total = np.zeros_like(probabilities[0]) if probabilities else np.zeros((0, 0), dtype=np.float32)
    before = torch.zeros(0)
    while left and len(chosen) < count:
        counts = {number: count_pixels(total + own, len(chosen) + 1) for number, own in left.items()}
        mious = {number: _miou(of_groups) for number, of_groups in counts.items()}
        best = max(mious, key=lambda number: mious[number])
        if chosen and mious[best] <= chosen[-1].miou:
            break
        error = _error_of_gain(counts[best], before) if chosen else float("inf")
        before = counts[best]
        own_probabilities = left.pop(best)
        disagreement = _disagreement(val.task, own_probabilities, total, len(chosen)) if chosen else 0.0
        chosen.append(ChosenTrial(candidates[best], mious[best], error, disagreement))
        total = total + own_probabilities
    return chosen


def _sample_pixels(val: Split) -> tuple[NDArray[np.uint8], list[NDArray[np.intp]]]:
    """Labels of random labelled pixels, and the flat positions of the pixels in each image.

    Labels are uint8 `[P]`, or of classes that overlap planes, uint8 `[P, C]`.
    """
    classes = len(val.classes)
    random = np.random.default_rng(0)
    truth, pixels = [], []
    for index in range(len(val.samples)):
        labels_hw = val.labels(index)
        known = np.flatnonzero(~ignored_in(labels_hw, val.task, classes))
        drawn = random.choice(known, min(PIXELS_PER_IMAGE, len(known)), replace=False)
        overlaps = classes_overlap(val.task)
        labels = class_planes(labels_hw, classes).reshape(-1, classes) if overlaps else labels_hw.ravel()
        truth.append(labels[drawn])
        pixels.append(drawn)
    return np.concatenate(truth), pixels


def _probabilities(
    checkpoint: Path, val: Split, pixels: list[NDArray[np.intp]], advance: Advance
) -> NDArray[np.float32]:
    """A checkpoint's probabilities at those pixels, float32 `[P, C]`."""
    network, card = load_checkpoint(checkpoint)
    segmenter = Segmenter(network, card.input).eval()
    images = DecodedSplit(val, scale=scale_of(card.input))
    found = []
    with torch.no_grad():
        for index, places in enumerate(pixels):
            image_hwc, _ = images.read(index)
            logits = segmenter(torch.from_numpy(image_hwc)[None])
            probabilities = (logits.sigmoid() if classes_overlap(val.task) else logits.softmax(1))[0]
            found.append(probabilities.flatten(1)[:, torch.from_numpy(places)].T.numpy())
            advance()
    return np.concatenate(found)


def _counts_by_group(
    truth: NDArray[np.uint8], scores: NDArray[np.float32], count: int, groups: NDArray[np.intp]
) -> Tensor:
    """The overlap counts of each group, of the sum of `count` probabilities at P pixels, `[P, C]`."""
    if truth.ndim == scores.ndim:
        scores = scores - np.float32(count / 2)
    return torch.stack(
        [
            overlap_counts(
                torch.from_numpy(scores[chosen].T.copy())[None, :, :, None],
                torch.from_numpy(truth[chosen])[None, :, None],
            )
            for chosen in (groups == group for group in range(int(groups.max()) + 1))
        ]
    )


def _miou(of_groups: Tensor) -> float:
    return float(iou_of(of_groups.sum(0)).nanmean())


def _error_of_gain(after: Tensor, before: Tensor) -> float:
    """The standard error across groups of the gain in mIoU."""
    kept = [torch.arange(len(after)) != group for group in range(len(after))]
    return jackknife_error([_miou(after[one]) - _miou(before[one]) for one in kept])


def _disagreement(task: Task, one: NDArray[np.float32], others: NDArray[np.float32], count: int) -> float:
    """The share of labels that differ between probabilities and the sum of `count` others, `[P, C]`."""
    if classes_overlap(task):
        return float(((one > 0.5) != (others > count / 2)).mean())
    return float((one.argmax(1) != others.argmax(1)).mean())
