"""Metrics of label maps and probabilities against their truth."""

from typing import TYPE_CHECKING

from seg.lazy import lazy_public_names

if TYPE_CHECKING:
    from seg.evaluate.metrics.calibration import Reliability
    from seg.evaluate.metrics.confusion import ConfusionMatrix
    from seg.evaluate.metrics.overlapping import OverlappingMetrics
    from seg.evaluate.metrics.segmentation import SegmentationMetrics

__all__ = ["ConfusionMatrix", "OverlappingMetrics", "Reliability", "SegmentationMetrics"]

__getattr__ = lazy_public_names(
    __name__,
    {
        "ConfusionMatrix": "seg.evaluate.metrics.confusion",
        "OverlappingMetrics": "seg.evaluate.metrics.overlapping",
        "Reliability": "seg.evaluate.metrics.calibration",
        "SegmentationMetrics": "seg.evaluate.metrics.segmentation",
    },
)


def __dir__() -> list[str]:
    return __all__
