"""Ensembles of the first trials, the first two, and so on, judged on whole label maps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from seg.data import Split
from seg.labels.task import classes_overlap, ignored_in, masks_of
from seg.metrics.image_tallies import ImageTallies
from seg.metrics.metric import Metric, TallyC2
from seg.terminal.progress import progress
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.networks.pixel_scaling import pixel_scaling_of
from seg.train.networks.segmenter import Segmenter
from seg.train.splits.decoded_split import DecodedSplit


def judge_ensembles_of_trials(checkpoints: Sequence[Path], val: Split, metric: Metric) -> list[ImageTallies]:
    """Tallies of all images by the mean of the probabilities of the first checkpoint, of the first two, ...

    Raises:
        DataError: a validation image cannot be read.
        ModelError: a checkpoint cannot be read.
    """
    members = []
    for checkpoint in checkpoints:
        network, card = load_checkpoint(checkpoint)
        segmenter = Segmenter(network, card.input).eval()
        members.append((segmenter, DecodedSplit(val, scale=pixel_scaling_of(card.input))))
    tallies: list[list[TallyC2]] = [[] for _ in members]
    with progress("judge", len(val.samples), unit="images") as advance, torch.no_grad():
        for index in range(len(val.samples)):
            labels_hw = val.labels(index)
            truth_chw = masks_of(labels_hw, val.task, len(val.classes))
            labelled_hw = ~ignored_in(labels_hw, val.task, len(val.classes))
            total = torch.zeros(truth_chw.shape)
            for number, (segmenter, images) in enumerate(members, start=1):
                logits = segmenter(torch.from_numpy(images.read(index)[0])[None])[0]
                total += logits.sigmoid() if classes_overlap(val.task) else logits.softmax(0)
                predicted_chw = _masks_of_mean(total, number, overlap=classes_overlap(val.task))
                tallies[number - 1].append(metric.tally_masks(truth_chw, predicted_chw.numpy(), labelled_hw))
            advance()
    return [ImageTallies(metric, np.stack(listed)) for listed in tallies]


def _masks_of_mean(total: torch.Tensor, count: int, *, overlap: bool) -> torch.Tensor:
    """Masks of the mean of `count` probabilities, bool `[C, H, W]`."""
    if overlap:
        return total > count / 2
    return total.argmax(0) == torch.arange(len(total))[:, None, None]
