"""Scoring of a submission with labels, and comparison of two submissions."""

from dataclasses import dataclass
from pathlib import Path

from seg.data.groups import group_images
from seg.engine.submissions import SubmissionForSpec
from seg.engine.submissions.tables.csv_file import write_csv_table
from seg.evaluate.metrics.overlapping import OverlappingMetrics, OverlappingScores
from seg.evaluate.metrics.segmentation import (
    SegmentationMetrics,
    SegmentationScores,
    paired_miou_interval,
)
from seg.evaluate.submission_metric import read_submission_with_truth
from seg.files.atomic import write_text
from seg.spec import EnsembleSpec


@dataclass(frozen=True, slots=True)
class SubmissionComparison:
    """The gain in mIoU of the first submission over the other, with a 95 % interval."""

    other: SegmentationScores
    gain: float
    low: float
    high: float


def score_submission(spec: EnsembleSpec, path: Path) -> SegmentationMetrics:
    """Score a submission, in the format of the spec's output, at the size of the labels.

    Raises:
        DataError: the images have no labels, the submission cannot be read, or an image is missing.

    Example:
        >>> from pathlib import Path
        >>> from seg.evaluate import score_submission
        >>> from seg.spec import load_ensemble
        >>> metrics = score_submission(load_ensemble("spec.yaml"), Path("submission.csv"))
        >>> metrics.scores().images
        6
    """
    known = SubmissionForSpec(spec)
    metrics = SegmentationMetrics(known.split.classes, _resampling_units_of_images(spec, known))
    for image_id, truth_hw, predicted_hw in read_submission_with_truth(spec, known, path):
        metrics.add(image_id, truth_hw, predicted_hw)
    return metrics


def score_overlapping_submission(spec: EnsembleSpec, path: Path) -> OverlappingMetrics:
    """The same of classes that overlap."""
    known = SubmissionForSpec(spec)
    metrics = OverlappingMetrics(known.split.classes, _resampling_units_of_images(spec, known))
    for image_id, truth_hw, predicted_hw in read_submission_with_truth(spec, known, path):
        metrics.add(image_id, truth_hw, predicted_hw)
    return metrics


def compare_submissions(first: SegmentationMetrics, second: SegmentationMetrics) -> SubmissionComparison:
    """Compare the first with the second, paired by image."""
    by_id = dict(zip(second.ids, second.counts, strict=True))
    others = [by_id[image_id] for image_id in first.ids]
    gain, low, high = paired_miou_interval(others, first.counts, first.unit_i)
    return SubmissionComparison(second.scores(), gain, low, high)


def write_submission_scores_json(path: Path, figures: SegmentationScores | OverlappingScores) -> None:
    """Write all scores, with those of each image; where a pixel has one class, with the confusion matrix,
    whose rows are the truth.
    """
    write_text(path, figures.model_dump_json(indent=2) + "\n")


def write_submission_scores_csv(path: Path, figures: SegmentationScores | OverlappingScores) -> None:
    """Write the scores of each class, a row each."""
    names = [name for name in type(figures.classes[0]).model_fields if name != "iou_interval"]
    rows = [[str(getattr(c, name)) for name in names] for c in figures.classes]
    write_csv_table(path, names, rows)


def _resampling_units_of_images(spec: EnsembleSpec, known: SubmissionForSpec) -> dict[str, str]:
    """What intervals resample, by the ids of images."""
    samples = known.split.samples
    units = group_images(samples, spec.data.group).units
    return dict(zip((sample.id for sample in samples), units, strict=True))
