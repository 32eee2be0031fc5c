"""The training loss: a weighted sum of the losses of a recipe."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from seg.spec.recipe.losses import LossMixSpec
from seg.train.losses.boundary import boundary_loss
from seg.train.losses.class_weights import WeightsC, class_weights
from seg.train.losses.cross_entropy import cross_entropy
from seg.train.losses.focal import focal_loss
from seg.train.losses.lovasz import lovasz_loss
from seg.train.losses.ms_ssim import ms_ssim_loss
from seg.train.losses.ohem import ohem_loss
from seg.train.losses.overlap import dice_loss, jaccard_loss, tversky_loss
from seg.train.splits.training_images import TrainingImages

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Logits `[N, C, H, W]`, labels `[N, H, W]` or planes `[N, C, H, W]`, class weights `[C]`; a scalar out."""

_LOSSES: Final[Mapping[str, Callable[..., Tensor]]] = {
    "cross_entropy": cross_entropy,
    "focal": focal_loss,
    "dice": dice_loss,
    "jaccard": jaccard_loss,
    "tversky": tversky_loss,
    "lovasz": lovasz_loss,
    "ms_ssim": ms_ssim_loss,
    "boundary": boundary_loss,
    "ohem": ohem_loss,
}
"""By the names of the fields of `LossMixSpec`; a loss's parameters are its keyword arguments."""


class WeightedLoss(NamedTuple):
    """A loss, its weight in the sum, and its class weights."""

    loss: Loss
    weight: float
    class_weights: WeightsC


class LossMix(nn.Module):
    """The weighted sum of losses, in float32 whatever the precision of training."""

    class_weights: Tensor

    def __init__(self, terms: Sequence[WeightedLoss]) -> None:
        super().__init__()
        self.terms = tuple(terms)
        stacked = torch.stack([torch.from_numpy(term.class_weights) for term in terms])
        self.register_buffer("class_weights", stacked, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits `[N, C, H, W]` of any float type and labels of any integer type.

        Labels are `[N, H, W]`, or of classes that overlap `[N, H, W, C]`, as images have their channels.
        """
        with torch.autocast(logits.device.type, enabled=False):
            logits = logits.float()
            labels = labels.movedim(-1, 1) if labels.ndim == logits.ndim else labels.long()
            parts = [
                term.weight * term.loss(logits, labels, class_weights)
                for term, class_weights in zip(self.terms, self.class_weights, strict=True)
            ]
            return torch.stack(parts).sum()


def build_loss(spec: LossMixSpec, images: TrainingImages) -> LossMix:
    """The loss for training on `images`, whose pixels are counted where class weights are `balanced`.

    Raises:
        DataError: labels that must be counted cannot be read.
    """
    return LossMix(
        [
            WeightedLoss(
                partial(_LOSSES[name], **loss.parameters),
                loss.weight,
                class_weights(loss.class_weights, images),
            )
            for name, loss in spec.losses.items()
        ]
    )
