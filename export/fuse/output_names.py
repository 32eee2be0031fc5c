"""The outputs that a fused model can have: labels, probabilities, confidence."""

from enum import StrEnum


class FusedOutput(StrEnum):
    """Outputs: label maps, uint8 `[N, H, W]`; class probabilities, float32 `[N, C, H, W]`; and of each pixel
    that of its label, float32 `[N, H, W]`. Where classes overlap, label maps have the type of `label_dtype`,
    and a pixel's confidence is that of its least certain class."""

    labels = "labels"
    probabilities = "probabilities"
    confidence = "confidence"
