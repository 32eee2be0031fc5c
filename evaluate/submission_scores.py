"""Scoring of a submission with labels, and comparison of two submissions."""

from dataclasses import dataclass
from pathlib import Path

from seg.data import Split
from seg.data.groups import group_images
from seg.engine.submissions import SubmissionSpec
from seg.engine.submissions.tables.csv_file import write_table
from seg.errors import DataError
from seg.evaluate.metrics.segmentation import (
    ClassScores,
    SegmentationMetrics,
    SegmentationScores,
    paired_interval,
)
from seg.files.atomic import write_text
from seg.spec import EnsembleSpec
from seg.terminal.progress import progress


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
    known = SubmissionSpec(spec)
    split = _labelled(spec, known.split)
    index_of = {sample.id: index for index, sample in enumerate(split.samples)}
    groups = group_images(split.samples, spec.data.group)
    units = zip((sample.id for sample in split.samples), groups.units, strict=True)
    metrics = SegmentationMetrics(split.classes, dict(units))
    with progress("judge", len(index_of), unit="images") as advance:
        for image_id, labels_hw in known.form().read(path, known.size_of):
            if image_id not in index_of:
                raise DataError(f"{path}: {image_id!r} is not an image with labels")
            metrics.add(image_id, split.labels(index_of[image_id]), labels_hw)
            advance()
    missing = index_of.keys() - set(metrics.ids)
    if missing:
        raise DataError(f"{path}: is missing {min(missing)!r} and {len(missing) - 1} more images with labels")
    return metrics


def compare_submissions(first: SegmentationMetrics, second: SegmentationMetrics) -> SubmissionComparison:
    """Compare the first with the second, paired by image."""
    by_id = dict(zip(second.ids, second.counts, strict=True))
    others = [by_id[image_id] for image_id in first.ids]
    gain, low, high = paired_interval(others, first.counts, first.unit_i)
    return SubmissionComparison(second.scores(), gain, low, high)


def _labelled(spec: EnsembleSpec, split: Split) -> Split:
    if not spec.data.to_predict.labelled:
        raise DataError("data.predict: has no labels to score against: set annotations or masks")
    return split


def write_json(path: Path, figures: SegmentationScores) -> None:
    """Write all scores, with the confusion matrix (rows are the truth) and each image's mIoU."""
    write_text(path, figures.model_dump_json(indent=2) + "\n")


def write_csv(path: Path, figures: SegmentationScores) -> None:
    """Write the scores of each class, a row each."""
    names = [name for name in ClassScores.model_fields if name != "iou_interval"]
    rows = [[str(getattr(c, name)) for name in names] for c in figures.classes]
    write_table(path, names, rows)
