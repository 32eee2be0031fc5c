"""Lovász losses: convex surrogates of the Jaccard index.

Sources: Berman et al., "The Lovász-Softmax loss", 2018, algorithm 1, over the classes that the batch shows;
where classes overlap Yu and Blaschko, "The Lovász Hinge", 2015.
"""

import torch
from torch import Tensor

from seg.labels.label_map import IGNORE_INDEX
from seg.train.losses.ignored_pixels import are_planes, weighted_mean


def lovasz_loss(logits: Tensor, labels: Tensor, class_weights: Tensor, *, symmetric: bool = False) -> Tensor:
    """Over all labelled pixels of the batch together.

    Where classes overlap, the mean of the Lovász hinge of each. `symmetric` is for these: the mean of the
    hinge of the class and that of its complement.
    """
    if are_planes(labels):
        losses_c = [
            _lovasz_hinge(class_logits[known], truth[known] == 1, symmetric=symmetric)
            for class_logits, truth, known in zip(
                logits.movedim(1, 0),
                labels.movedim(1, 0),
                (labels != IGNORE_INDEX).movedim(1, 0),
                strict=True,
            )
        ]
        return weighted_mean(torch.stack(losses_c), class_weights)
    known = labels != IGNORE_INDEX
    truth_p = labels[known]
    probabilities_cp = logits.softmax(1).movedim(1, 0)[:, known]
    shown = torch.unique(truth_p)
    if not len(shown):
        return probabilities_cp.sum()
    losses = [_lovasz_extension(probabilities_cp[label], truth_p == label) for label in shown]
    return weighted_mean(torch.stack(losses), class_weights[shown])


def _lovasz_hinge(logits_p: Tensor, truth_p: Tensor, *, symmetric: bool) -> Tensor:
    """The Lovász extension of one class's Jaccard loss, at the hinge errors of its pixels."""
    if symmetric:
        return (
            _lovasz_hinge(logits_p, truth_p, symmetric=False)
            + _lovasz_hinge(-logits_p, ~truth_p, symmetric=False)
        ) / 2
    errors_p, order = (1 - logits_p * (2.0 * truth_p - 1)).sort(descending=True)
    return errors_p.relu() @ _jaccard_steps(truth_p[order].float())


def _lovasz_extension(probabilities_p: Tensor, truth_p: Tensor) -> Tensor:
    """The Lovász extension of one class's Jaccard loss, at the errors of its pixels."""
    errors_p, order = (truth_p.float() - probabilities_p).abs().sort(descending=True)
    return errors_p @ _jaccard_steps(truth_p[order].float())


def _jaccard_steps(truth_p: Tensor) -> Tensor:
    """By how much the Jaccard loss grows with each further pixel that is wrong."""
    total = truth_p.sum()
    loss_p = 1 - (total - truth_p.cumsum(0)) / (total + (1 - truth_p).cumsum(0))
    return loss_p.diff(prepend=loss_p.new_zeros(1))
