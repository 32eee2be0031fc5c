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

from seg.data import Split
from seg.labels.label_map import IGNORE_INDEX
from seg.terminal.progress import Advance, progress
from seg.train.metrics.confusion import confusion_matrix, iou_per_class
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.networks.segmenter import Segmenter
from seg.train.splits.decoded_split import DecodedSplit
from seg.train.sweep.trials import TrialResult

PIXELS_PER_IMAGE: Final = 2000
"""Labelled pixels per image on which trials are compared."""

CANDIDATES_PER_CHOICE: Final = 4
"""Candidates per trial to choose: the best trials alone."""


@dataclass(frozen=True, slots=True)
class ChosenTrial:
    """A trial, the mIoU of the ensemble up to it, and the share of labels that differ from the others'."""

    outcome: TrialResult
    miou: float
    disagreement: float


def choose_complementary(
    outcomes: list[TrialResult], runs: Path, val: Split, count: int
) -> list[ChosenTrial]:
    """Choose at most `count` of the finished trials, the best first.

    Raises:
        DataError: a validation image cannot be read.
        ModelError: a trial's checkpoint cannot be read.
    """
    candidates = [outcome for outcome in outcomes if outcome.is_finished][: CANDIDATES_PER_CHOICE * count]
    truth, pixels = _sample_pixels(val)
    with progress("compare", len(candidates) * len(val.samples), unit="images") as advance:
        probabilities = []
        for outcome in candidates:
            probabilities.append(
                _probabilities(runs / outcome.name / "model.safetensors", val, pixels, advance)
            )
    chosen: list[ChosenTrial] = []
    left = dict(enumerate(probabilities))
    total = np.zeros_like(probabilities[0]) if probabilities else np.zeros((0, 0), dtype=np.float32)
    while left and len(chosen) < count:
        mious = {
            number: _miou(truth, total + own_probabilities) for number, own_probabilities in left.items()
        }
        best = max(mious, key=lambda number: mious[number])
        if chosen and mious[best] <= chosen[-1].miou:
            break
        own_probabilities = left.pop(best)
        disagreement = float((own_probabilities.argmax(1) != total.argmax(1)).mean()) if chosen else 0.0
        chosen.append(ChosenTrial(candidates[best], mious[best], disagreement))
        total = total + own_probabilities
    return chosen


def _sample_pixels(val: Split) -> tuple[NDArray[np.uint8], list[NDArray[np.intp]]]:
    """Labels of random labelled pixels, uint8 `[P]`, and the flat positions of the pixels in each image."""
    random = np.random.default_rng(0)
    truth, pixels = [], []
    for index in range(len(val.samples)):
        labels = val.labels(index).ravel()
        known = np.flatnonzero(labels != IGNORE_INDEX)
        drawn = random.choice(known, min(PIXELS_PER_IMAGE, len(known)), replace=False)
        truth.append(labels[drawn])
        pixels.append(drawn)
    return np.concatenate(truth), pixels


def _probabilities(
    checkpoint: Path, val: Split, pixels: list[NDArray[np.intp]], advance: Advance
) -> NDArray[np.float32]:
    """A checkpoint's probabilities at those pixels, float32 `[P, C]`."""
    network, card = load_checkpoint(checkpoint)
    segmenter = Segmenter(network, card.input).eval()
    images = DecodedSplit(val)
    found = []
    with torch.no_grad():
        for index, places in enumerate(pixels):
            image_hwc, _ = images.read(index)
            probabilities = segmenter(torch.from_numpy(image_hwc)[None]).softmax(1)[0]
            found.append(probabilities.flatten(1)[:, torch.from_numpy(places)].T.numpy())
            advance()
    return np.concatenate(found)


def _miou(truth: NDArray[np.uint8], scores: NDArray[np.float32]) -> float:
    classes = scores.shape[1]
    predicted = torch.from_numpy(scores.argmax(1))
    counts = confusion_matrix(torch.from_numpy(truth.astype(np.int64)), predicted, classes)
    return float(iou_per_class(counts).nanmean())
