"""Trials' probabilities at random labelled pixels of the validation images, and scores of their sums."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from seg.data import Split
from seg.labels.task import classes_overlap, ignored_in, masks_of
from seg.metrics.from_counts import CountedMetric, Counts
from seg.metrics.image_tallies import ImageTallies
from seg.terminal.progress import Advance
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.networks.pixel_scaling import pixel_scaling_of
from seg.train.networks.segmenter import Segmenter
from seg.train.splits.decoded_split import DecodedSplit

PIXELS_PER_IMAGE: Final = 2000
"""Labelled pixels per image on which trials are compared."""

ProbabilitiesPC = NDArray[np.float32]
"""Of C classes at P pixels."""


@dataclass(frozen=True)
class TrialPixels:
    """Random labelled pixels of images.

    Attributes:
        truth_pc: whether a pixel is of a class, bool.
        positions: the flat positions of the pixels in each image.
    """

    truth_pc: NDArray[np.bool_]
    positions: tuple[NDArray[np.intp], ...]
    overlap: bool


def sample_trial_pixels(val: Split) -> TrialPixels:
    """Draw at most so many labelled pixels of each image."""
    classes = len(val.classes)
    random = np.random.default_rng(0)
    truth, positions = [], []
    for index in range(len(val.samples)):
        labels_hw = val.labels(index)
        known = np.flatnonzero(~ignored_in(labels_hw, val.task, classes))
        drawn = random.choice(known, min(PIXELS_PER_IMAGE, len(known)), replace=False)
        truth.append(masks_of(labels_hw.ravel()[drawn][None], val.task, classes)[:, 0].T)
        positions.append(drawn)
    return TrialPixels(np.concatenate(truth), tuple(positions), classes_overlap(val.task))


def trial_probabilities_at(
    checkpoint: Path, val: Split, positions: tuple[NDArray[np.intp], ...], advance: Advance
) -> ProbabilitiesPC:
    """A checkpoint's probabilities at those pixels of each image; raises ModelError if it cannot be read."""
    network, card = load_checkpoint(checkpoint)
    segmenter = Segmenter(network, card.input).eval()
    images = DecodedSplit(val, scale=pixel_scaling_of(card.input))
    found = []
    with torch.no_grad():
        for index, places in enumerate(positions):
            image_hwc, _ = images.read(index)
            logits = segmenter(torch.from_numpy(image_hwc)[None])
            probabilities = (logits.sigmoid() if classes_overlap(val.task) else logits.softmax(1))[0]
            found.append(probabilities.flatten(1)[:, torch.from_numpy(places)].T.numpy())
            advance()
    return np.concatenate(found)


def judge_trial_pixels(
    metric: CountedMetric, pixels: TrialPixels, total_pc: ProbabilitiesPC, count: int
) -> ImageTallies:
    """The metric's tallies of images, decided by the sum of `count` probabilities."""
    truth_pc = pixels.truth_pc
    if pixels.overlap:
        predicted_pc = total_pc > count / 2
    else:
        predicted_pc = total_pc.argmax(1)[:, None] == np.arange(total_pc.shape[1])
    image_p = np.repeat(np.arange(len(pixels.positions)), [len(places) for places in pixels.positions])

    def of_images(masks_pc: NDArray[np.bool_]) -> NDArray[Any]:
        summed = np.zeros((len(pixels.positions), masks_pc.shape[1]))
        np.add.at(summed, image_p, masks_pc)
        return summed

    return metric.judge(Counts(*map(of_images, (truth_pc & predicted_pc, truth_pc, predicted_pc))))
