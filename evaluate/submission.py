"""A submission against the labels of its images, alone or beside another."""

from dataclasses import dataclass
from pathlib import Path

from seg.data import Split
from seg.engine.submissions import SubmissionSpec
from seg.engine.submissions.tables import write_table
from seg.errors import DataError
from seg.evaluate.metrics.segmentation import ClassFigures, Figures, SegmentationMetrics, paired_interval
from seg.files import write_text
from seg.progress import progress
from seg.spec import EnsembleSpec


@dataclass(frozen=True, slots=True)
class Paired:
    """How much higher the first submission's mIoU is than the other's, with a 95 % interval over images."""

    other: Figures
    gain: float
    low: float
    high: float


def judge_submission(spec: EnsembleSpec, path: Path) -> SegmentationMetrics:
    """Count a submission, in the format of the spec's output, at the size of the labels.

    Raises:
        DataError: the images have no labels, the submission cannot be read, or lacks an image.

    Example:
        >>> from pathlib import Path
        >>> from seg.evaluate import judge_submission
        >>> from seg.spec import load_ensemble
        >>> metrics = judge_submission(load_ensemble("spec.yaml"), Path("submission.csv"))
        >>> metrics.figures().images
        6
    """
    known = SubmissionSpec(spec)
    split = _labelled(spec, known.split)
    index_of = {sample.id: index for index, sample in enumerate(split.samples)}
    judge = SegmentationMetrics(split.classes)
    with progress("judge", len(index_of), unit="images") as advance:
        for image_id, labels_hw in known.form().read(path, known.size_of):
            if image_id not in index_of:
                raise DataError(f"{path}: {image_id!r} is no image with labels")
            judge.add(image_id, split.labels(index_of[image_id]), labels_hw)
            advance()
    missing = index_of.keys() - set(judge.ids)
    if missing:
        raise DataError(f"{path}: lacks {min(missing)!r} and {len(missing) - 1} more images with labels")
    return judge


def compare_submissions(first: SegmentationMetrics, second: SegmentationMetrics) -> Paired:
    """The first against the second, image by image."""
    by_id = dict(zip(second.ids, second.counts, strict=True))
    gain, low, high = paired_interval([by_id[image_id] for image_id in first.ids], first.counts)
    return Paired(second.figures(), gain, low, high)


def _labelled(spec: EnsembleSpec, split: Split) -> Split:
    if not spec.data.to_predict.labelled:
        raise DataError("data.predict: has no labels to judge by: name annotations or masks")
    return split


def write_json(path: Path, figures: Figures) -> None:
    """All figures, with the confusion matrix (rows are the truth) and each image's mIoU."""
    write_text(path, figures.model_dump_json(indent=2) + "\n")


def write_csv(path: Path, figures: Figures) -> None:
    """The figures of each class, a row each."""
    names = [name for name in ClassFigures.model_fields if name != "iou_interval"]
    rows = [[str(getattr(c, name)) for name in names] for c in figures.classes]
    write_table(path, names, rows)
