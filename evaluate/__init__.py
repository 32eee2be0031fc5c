"""Evaluation: metrics, tuning, reports, and checks of submissions.

    from seg.evaluate import SegmentationMetrics, compare_members

What is named here is imported when it is first used.
"""

from typing import TYPE_CHECKING

from seg.lazy import lazy_public_names

if TYPE_CHECKING:
    from seg.evaluate.compare import compare_members
    from seg.evaluate.metrics.calibration import Reliability
    from seg.evaluate.metrics.confusion import ConfusionMatrix
    from seg.evaluate.metrics.overlapping import OverlappingMetrics
    from seg.evaluate.metrics.segmentation import SegmentationMetrics
    from seg.evaluate.submission_scores import score_submission

__all__ = [
    "ConfusionMatrix",
    "OverlappingMetrics",
    "Reliability",
    "SegmentationMetrics",
    "compare_members",
    "score_submission",
]

__getattr__ = lazy_public_names(
    __name__,
    {
        "ConfusionMatrix": "seg.evaluate.metrics.confusion",
        "OverlappingMetrics": "seg.evaluate.metrics.overlapping",
        "Reliability": "seg.evaluate.metrics.calibration",
        "SegmentationMetrics": "seg.evaluate.metrics.segmentation",
        "compare_members": "seg.evaluate.compare",
        "score_submission": "seg.evaluate.submission_scores",
        "metrics": "seg.evaluate.metrics",
    },
)


def __dir__() -> list[str]:
    return __all__
