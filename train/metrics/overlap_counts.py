"""How far predictions and labels overlap: pixel counts of each class, and its IoU, on any device."""

import torch
from torch import Tensor

from seg.labels.label_map import IGNORE_INDEX
from seg.train.metrics.confusion import confusion_matrix


def overlap_counts(logits: Tensor, target: Tensor) -> Tensor:
    """The pixels of each class in both, in the prediction and in the labels, int64 `[C, 3]`.

    Args:
        logits: `[N, C, H, W]`, of which the highest is predicted, or of classes that overlap those above 0.
        target: labels `[N, H, W]`, or planes of classes that overlap, `[N, H, W, C]`. Pixels with the ignore
            index are not counted.
    """
    if target.ndim < logits.ndim:
        counts_cc = confusion_matrix(target.long(), logits.argmax(1), logits.shape[1])
        return torch.stack([counts_cc.diagonal(), counts_cc.sum(0), counts_cc.sum(1)], dim=1)
    planes = target.movedim(-1, 1)
    predicted, truth = (logits > 0) & (planes != IGNORE_INDEX), planes == 1
    return torch.stack([maps.sum((0, 2, 3)) for maps in (predicted & truth, predicted, truth)], dim=1)


def iou_of_overlap(counts_c3: Tensor) -> Tensor:
    """IoU, float64 `[C]`; NaN for a class that is in neither the labels nor the prediction."""
    both, predicted, true = counts_c3.double().unbind(1)
    return both / (predicted + true - both)
