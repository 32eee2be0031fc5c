"""Scoring of a submission of any task by the spec's metric, with intervals over groups of images."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seg.data.groups import group_images
from seg.data.regions.label_raster import size_of_labels
from seg.data.regions.resized_labels import resized_labels
from seg.engine.submissions import SubmissionForSpec
from seg.errors import DataError
from seg.evaluate.metrics.groups import number_groups
from seg.evaluate.metrics.label_map_scores import scores_by_class_name
from seg.evaluate.metrics.metric_intervals import gain_interval, metric_interval, tallies_by_group
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap
from seg.metrics.metric import Metric, TalliesIC2
from seg.metrics.open_metric import open_metric
from seg.spec import EnsembleSpec
from seg.terminal.progress import progress

TruthAndPrediction = tuple[str, LabelMap, LabelMap]
"""An image's id, its true label map, and the predicted one."""


@dataclass(frozen=True, slots=True)
class JudgedSubmission:
    """The tallies of a submission's groups of images, float64 `[G, C, 2]`."""

    classes: tuple[ClassInfo, ...]
    metric: Metric
    images: int
    tallies_gc2: TalliesIC2

    @property
    def score(self) -> float:
        return self.metric.score(self.tallies_gc2)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % bootstrap interval of the score over groups of images; None for a single group."""
        return metric_interval(self.metric, self.tallies_gc2)

    @property
    def class_scores(self) -> dict[str, float | None]:
        """The score of each class by name; None if it is absent or does not count."""
        return scores_by_class_name(self.classes, self.metric.class_scores(self.tallies_gc2).tolist())

    def gain_over(self, other: "JudgedSubmission") -> tuple[float, float, float]:
        """The gain over another submission on the same images, with its 95 % interval."""
        return gain_interval(self.metric, other.tallies_gc2, self.tallies_gc2)


def judge_submission(spec: EnsembleSpec, path: Path) -> JudgedSubmission:
    """Score a submission, in the format of the spec's output, at the size of the labels.

    Raises:
        DataError: the images have no labels, the submission cannot be read, or an image is missing.
        SpecError: the metric cannot be used.
    """
    known = SubmissionForSpec(spec)
    classes = known.split.classes
    metric = open_metric(spec.metric, classes, spec.data.task)
    tallies = {
        image_id: metric.tally(truth_hw, predicted_hw)
        for image_id, truth_hw, predicted_hw in read_submission_with_truth(spec, known, path)
    }
    samples = known.split.samples
    group_i = number_groups(group_images(samples, spec.data.group).labels)
    tallies_ic2 = np.stack([tallies[sample.id] for sample in samples])
    return JudgedSubmission(classes, metric, len(samples), tallies_by_group(tallies_ic2, group_i))


def read_submission_with_truth(
    spec: EnsembleSpec, known: SubmissionForSpec, path: Path
) -> Iterator[TruthAndPrediction]:
    """The label maps of a submission beside the true ones, in its own order; raises DataError as above."""
    if not spec.data.to_predict.labelled:
        raise DataError("data.predict: has no labels to score against: set annotations or masks")
    split = known.split
    index_of = {sample.id: index for index, sample in enumerate(split.samples)}
    missing = set(index_of)
    with progress("judge", len(index_of), unit="images") as advance:
        for image_id, labels_hw in known.form().read(path, known.size_of):
            if image_id not in index_of:
                raise DataError(f"{path}: {image_id!r} is not an image with labels")
            truth_hw = split.labels(index_of[image_id])
            is_scaled = split.samples[index_of[image_id]].scale is not None
            yield (
                image_id,
                truth_hw,
                resized_labels(labels_hw, size_of_labels(truth_hw))[:, :] if is_scaled else labels_hw,
            )
            missing.discard(image_id)
            advance()
    if missing:
        raise DataError(f"{path}: is missing {min(missing)!r} and {len(missing) - 1} more images with labels")
