"""How a student learns from soft labels beside the true ones.

A student's truth is its label map with the soft labels behind it, uint8 `[H, W, 1 + C]`: whatever turns,
zooms, crops, pastes or hides labels does so to both, and interpolates neither. Where that brings pixels in
from outside, all channels are the ignore index, which no soft labels are: their squares add up to about one.

Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg.data import Split
from seg.labels import IGNORE_INDEX
from seg.probability_codec import HIGHEST
from seg.soft_labels import SoftLabels


@dataclass(frozen=True, slots=True)
class Distillation:
    """What is taught: `teacher` is the ensemble's fingerprint, `images` are those without labels."""

    soft_labels: SoftLabels
    teacher: str
    soft_share: float
    temperature: float
    images: Split | None = None

    def settings(self) -> dict[str, Any]:
        """What decides a run's outcome."""
        return {"teacher": self.teacher, "soft_share": self.soft_share, "temperature": self.temperature}


class DistillationLoss(nn.Module):
    """The loss against true labels and that against soft ones, which has `soft_share` of the sum."""

    def __init__(self, loss: nn.Module, soft_share: float, temperature: float) -> None:
        super().__init__()
        self.loss = loss
        self._soft_share = soft_share
        self._temperature = temperature

    def forward(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Logits `[N, C, H, W]` and a student's truth `[N, H, W, 1 + C]`, or labels alone, `[N, H, W]`."""
        if truth.ndim == logits.ndim - 1:
            return cast(Tensor, self.loss(logits, truth))
        true = self.loss(logits, truth[..., 0])
        soft = soft_loss(logits, truth[..., 1:], self._temperature)
        return (1 - self._soft_share) * cast(Tensor, true) + self._soft_share * soft


def soft_loss(logits: Tensor, soft: Tensor, temperature: float) -> Tensor:
    """T² times the KL divergence of the student from the teacher at temperature T, a mean over known pixels.

    Args:
        logits: `[N, C, H, W]` of any float type.
        soft: levels of probabilities, uint8 `[N, H, W, C]`; all 255 where nothing is known.
    """
    with torch.autocast(logits.device.type, enabled=False):
        known = (soft != IGNORE_INDEX).any(-1)
        flat = (soft.movedim(-1, 1).float() / HIGHEST) ** (2 / temperature)
        teacher = flat / flat.sum(1, keepdim=True)
        student = (logits.float() / temperature).log_softmax(1)
        divergence = functional.kl_div(student, teacher, reduction="none").sum(1)
        return temperature**2 * (divergence * known).sum() / known.sum().clamp(min=1)
