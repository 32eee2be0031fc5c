"""Lovász-softmax: a convex surrogate of the Jaccard index.

Source: Berman et al., "The Lovász-Softmax loss", 2018, algorithm 1, over the classes that the batch shows.
"""

import torch
from torch import Tensor

from seg.labels.label_map import IGNORE_INDEX
from seg.train.losses.ignored_pixels import weighted_mean


def lovasz(logits: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
    """Over all labelled pixels of the batch together."""
    known = labels != IGNORE_INDEX
    truth_p = labels[known]
    probabilities_cp = logits.softmax(1).movedim(1, 0)[:, known]
    shown = torch.unique(truth_p)
    if not len(shown):
        return probabilities_cp.sum()
    losses = [_extension(probabilities_cp[label], truth_p == label) for label in shown]
    return weighted_mean(torch.stack(losses), class_weights[shown])


def _extension(probabilities_p: Tensor, truth_p: Tensor) -> Tensor:
    """The Lovász extension of one class's Jaccard loss, at the errors of its pixels."""
    errors_p, order = (truth_p.float() - probabilities_p).abs().sort(descending=True)
    return errors_p @ _jaccard_steps(truth_p[order].float())


def _jaccard_steps(truth_p: Tensor) -> Tensor:
    """By how much the Jaccard loss grows with each further pixel that is wrong."""
    total = truth_p.sum()
    loss_p = 1 - (total - truth_p.cumsum(0)) / (total + (1 - truth_p).cumsum(0))
    return loss_p.diff(prepend=loss_p.new_zeros(1))
