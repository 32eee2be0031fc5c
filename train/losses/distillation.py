"""Knowledge distillation: a loss against an ensemble's soft labels, added to that against the true labels.

A student's target is its label map with the soft labels stacked behind it, uint8 `[H, W, 1 + C]`, so that
augmentation and mixing treat both alike and interpolate neither. Pixels from outside the image have the
ignore index in all channels; soft labels cannot be that, because their squares add up to about one.

Of classes that overlap the target is their planes with the soft labels behind them, uint8 `[H, W, 2 C]`, and
`DecodedSplit` keeps soft labels below the ignore index.

Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.data import Split
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.probability_codec import HIGHEST
from seg.labels.soft_labels import SoftLabels


@dataclass(frozen=True, slots=True)
class Distillation:
    """Soft labels and settings; `teacher` is the ensemble's fingerprint, `images` are unlabelled images."""

    soft_labels: SoftLabels
    teacher: str
    soft_share: float
    temperature: float
    images: Split | None = None

    def settings(self) -> dict[str, Any]:
        """The settings that determine a run's result, for its record."""
        return {"teacher": self.teacher, "soft_share": self.soft_share, "temperature": self.temperature}


class DistillationLoss(nn.Module):
    """The weighted sum of a loss against true labels and one against soft labels, of weight `soft_share`."""

    def __init__(self, loss: nn.Module, soft_share: float, temperature: float) -> None:
        super().__init__()
        self.loss = loss
        self._soft_share = soft_share
        self._temperature = temperature

    def forward(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Logits `[N, C, H, W]` and a student's target `[N, H, W, 1 + C]`, or only labels, `[N, H, W]`.

        Of classes that overlap, `[N, H, W, 2 C]` or only planes, `[N, H, W, C]`.
        """
        classes = logits.shape[1]
        if truth.ndim == logits.ndim - 1 or truth.shape[-1] == classes:
            return cast(Tensor, self.loss(logits, truth))
        labels, soft_labels = truth[..., :-classes], truth[..., -classes:]
        overlaps = labels.shape[-1] == classes
        true = self.loss(logits, labels if overlaps else labels[..., 0])
        measure = soft_sigmoid_loss if overlaps else soft_label_loss
        soft = measure(logits, soft_labels, self._temperature)
        return (1 - self._soft_share) * cast(Tensor, true) + self._soft_share * soft


def soft_label_loss(logits: Tensor, soft: Tensor, temperature: float) -> Tensor:
    """T² times the KL divergence of student and teacher at temperature T, averaged over known pixels.

    Args:
        logits: `[N, C, H, W]` of any float type.
        soft: encoded probabilities, uint8 `[N, H, W, C]`; 255 in all channels where there is none.
    """
    with torch.autocast(logits.device.type, enabled=False):
        known = (soft != IGNORE_INDEX).any(-1)
        flat = (soft.movedim(-1, 1).float() / HIGHEST) ** (2 / temperature)
        teacher = flat / flat.sum(1, keepdim=True)
        student = (logits.float() / temperature).log_softmax(1)
        divergence = functional.kl_div(student, teacher, reduction="none").sum(1)
        return temperature**2 * (divergence * known).sum() / known.sum().clamp(min=1)


def soft_sigmoid_loss(logits: Tensor, soft: Tensor, temperature: float) -> Tensor:
    """The same of classes that overlap: the mean divergence of sigmoids, over known pixels and classes."""
    with torch.autocast(logits.device.type, enabled=False):
        known = (soft != IGNORE_INDEX).any(-1, keepdim=True).movedim(-1, 1)
        teacher = ((soft.movedim(-1, 1).float() / HIGHEST) ** 2).logit().div(temperature).sigmoid()
        student = logits.float() / temperature
        cross_entropy = functional.binary_cross_entropy_with_logits(student, teacher, reduction="none")
        entropy = -torch.xlogy(teacher, teacher) - torch.xlogy(1 - teacher, 1 - teacher)
        divergence = (cross_entropy - entropy) * known
        return temperature**2 * divergence.sum() / (known.sum() * logits.shape[1]).clamp(min=1)
