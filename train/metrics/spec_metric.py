"""The metric of the spec on batches of validation."""

import numpy as np
import torch
from torch import Tensor

from seg.labels.label_map import IGNORE_INDEX
from seg.metrics.metric import Metric


def tally_batch_for_metric(metric: Metric, logits: Tensor, target: Tensor) -> Tensor:
    """The summed tallies of images, float64 `[C, 2]`; arguments as in `overlap_counts`."""
    classes = logits.shape[1]
    if target.ndim < logits.ndim:
        labels = torch.arange(classes, device=logits.device)[:, None, None]
        truth, labelled = target[:, None] == labels, target != IGNORE_INDEX
        predicted = logits.argmax(1)[:, None] == labels
    else:
        planes = target.movedim(-1, 1)
        truth, labelled, predicted = planes == 1, (planes != IGNORE_INDEX).all(1), logits > 0
    tallies = [
        metric.tally_masks(*masks)
        for masks in zip(*(maps.cpu().numpy() for maps in (truth, predicted, labelled)), strict=True)
    ]
    return torch.from_numpy(np.sum(tallies, axis=0)).to(logits.device)
