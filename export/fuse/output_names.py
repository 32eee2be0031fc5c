"""What a fused model can give."""

from enum import StrEnum


class FusedOutput(StrEnum):
    """Outputs: label maps, uint8 `[N, H, W]`; class probabilities, float32 `[N, C, H, W]`; and of each pixel
    that of its label, float32 `[N, H, W]`."""

    labels = "labels"
    probabilities = "probabilities"
    confidence = "confidence"
