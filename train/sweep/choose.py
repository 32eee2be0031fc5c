"""The trials that are worth having together: not five copies of one network.

Greedy: first the best alone, then always the one with which the mean of all probabilities scores highest, for
as long as it scores higher than without.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from seg.data import Split
from seg.labels import IGNORE_INDEX
from seg.progress import Advance, progress
from seg.train.metrics.confusion import count_pixels, iou_per_class
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.networks.segmenter import Segmenter
from seg.train.splits.decoded_split import DecodedSplit
from seg.train.sweep.trials import Outcome

PIXELS: Final = 2000
"""Labelled pixels of each image that trials are compared on."""

CANDIDATES: Final = 4
"""How many times as many trials are looked at as are wanted."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A trial with the mIoU of all that are chosen up to it, and how much it differs from those before."""

    outcome: Outcome
    miou: float
    disagreement: float


def choose_together(outcomes: list[Outcome], runs: Path, val: Split, count: int) -> list[Chosen]:
    """Choose from finished trials, the best first, at most `count`.

    Raises:
        DataError: a validation image cannot be read.
        ModelError: a trial's checkpoint cannot be read.
    """
    candidates = [outcome for outcome in outcomes if outcome.is_finished][: CANDIDATES * count]
    truth, pixels = _sample(val)
    with progress("compare", len(candidates) * len(val.samples), unit="images") as advance:
        answers = []
        for outcome in candidates:
            answers.append(_answers(runs / outcome.name / "model.safetensors", val, pixels, advance))
    chosen: list[Chosen] = []
    left = dict(enumerate(answers))
    total = np.zeros_like(answers[0]) if answers else np.zeros((0, 0), dtype=np.float32)
    while left and len(chosen) < count:
        mious = {number: _miou(truth, total + answer) for number, answer in left.items()}
        best = max(mious, key=lambda number: mious[number])
        if chosen and mious[best] <= chosen[-1].miou:
            break
        answer = left.pop(best)
        differs = float((answer.argmax(1) != total.argmax(1)).mean()) if chosen else 0.0
        chosen.append(Chosen(candidates[best], mious[best], differs))
        total = total + answer
    return chosen


def _sample(val: Split) -> tuple[NDArray[np.uint8], list[NDArray[np.intp]]]:
    """Labels of random labelled pixels, uint8 `[P]`, and where they are in each image."""
    random = np.random.default_rng(0)
    truth, pixels = [], []
    for index in range(len(val.samples)):
        labels = val.labels(index).ravel()
        known = np.flatnonzero(labels != IGNORE_INDEX)
        drawn = random.choice(known, min(PIXELS, len(known)), replace=False)
        truth.append(labels[drawn])
        pixels.append(drawn)
    return np.concatenate(truth), pixels


def _answers(
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
    counts = count_pixels(torch.from_numpy(truth.astype(np.int64)), predicted, classes)
    return float(iou_per_class(counts).nanmean())
