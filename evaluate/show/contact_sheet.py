"""`seg show` as a picture: a contact sheet of images, labels, and predictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from seg.data import Sample, Split, open_split
from seg.data.images.images import write_image
from seg.data.images.read_sample import read_sample
from seg.data.regions.resized_labels import resized_labels
from seg.engine import Ensemble
from seg.engine.submissions import SubmissionForSpec
from seg.errors import DataError
from seg.evaluate.show.chosen_images import ShownImage, choose_shown_images
from seg.evaluate.show.shrunk_images import shrunk_labels, shrunk_picture, shrunk_prediction
from seg.image_type import ImageHWB
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC
from seg.labels.task import LabelMap
from seg.pictures.drawing import draw_caption, draw_contact_sheet, draw_legend, draw_overlay, enlarge_picture
from seg.spec import EnsembleSpec

_LEAST_WIDTH: Final = 240


@dataclass(frozen=True, slots=True)
class PredictionSource:
    """The predictions to draw: a title, the classes, and the label map of an image, as it is drawn."""

    title: str
    classes: Sequence[ClassInfo]
    labels_of: Callable[[ShownImage], LabelMap]


def draw_ensemble_sheet(spec: EnsembleSpec, path: Path, wanted: Sequence[str], count: int) -> None:
    """Write a sheet of images, their labels if there are any, and the ensemble's predictions.

    Args:
        wanted: ids of images of the predict split, or paths of any images; if empty, `count` images spread
            over the split.

    Raises:
        DataError: an image or its labels cannot be read.
        ModelError, MissingRuntimeError: a member cannot be loaded.
    """
    split = open_split(spec.data, "predict")
    shown = choose_shown_images(split, wanted, count)
    ensemble = Ensemble.load(spec)

    def labels_of(image: ShownImage) -> LabelMap:
        if image.step > 1:
            return shrunk_prediction(ensemble, image.sample, image.step)
        return ensemble.predict(_input_of_prediction(image.sample)).labels

    predictions = PredictionSource("ensemble", ensemble.classes, labels_of)
    _draw_predictions_sheet(spec, split, shown, predictions, path)


def draw_submission_sheet(
    spec: EnsembleSpec, submission: Path, path: Path, wanted: Sequence[str], count: int
) -> None:
    """Write the same sheet for the label maps of a submission, without a model.

    Raises:
        DataError: an image or its labels cannot be read, or the submission is invalid or has no label map of
            an image.
    """
    known = SubmissionForSpec(spec)
    shown = choose_shown_images(known.split, wanted, count)
    step_of_id = {one.sample.id: one.step for one in shown}
    found = {
        name: shrunk_labels(labels_hw, step_of_id[name])
        for name, labels_hw in known.form().read(submission, known.size_of)
        if name in step_of_id
    }

    def labels_of(image: ShownImage) -> LabelMap:
        if image.sample.id not in found:
            raise DataError(f"{submission}: has no label map of the image {image.sample.id!r}")
        return found[image.sample.id]

    _draw_predictions_sheet(
        spec, known.split, shown, PredictionSource(submission.name, known.classes, labels_of), path
    )


def _input_of_prediction(sample: Sample) -> Path | ImageHWB:
    """What the ensemble predicts: a file, or what is made of several or at another scale."""
    return read_sample(sample) if sample.stack or sample.scale else sample.image


def _draw_predictions_sheet(
    spec: EnsembleSpec, split: Split, shown: Sequence[ShownImage], predictions: PredictionSource, path: Path
) -> None:
    truth = spec.data.to_predict.labelled and all(one.index is not None for one in shown)
    clear = spec.data.background(predictions.classes)

    def row(one: ShownImage) -> list[ImageHWC]:
        image_hwc = shrunk_picture(one.sample, one.step)
        labels = split.open_labels(one.index) if truth and one.index is not None else None
        maps = [shrunk_labels(labels, one.step)] if labels is not None else []
        maps.append(resized_labels(predictions.labels_of(one), image_hwc.shape[:2])[:, :])
        drawn = [
            draw_overlay(image_hwc, labels_hw, predictions.classes, clear=clear, task=spec.data.task)
            for labels_hw in maps
        ]
        first_hwc, *others = (enlarge_picture(picture, _LEAST_WIDTH) for picture in (image_hwc, *drawn))
        return [
            draw_caption(first_hwc, one.sample.id),
            *(draw_caption(other_hwc, "") for other_hwc in others),
        ]

    sheet = draw_contact_sheet(
        [row(one) for one in shown], ["image", *(["labels"] if truth else []), predictions.title]
    )
    write_image(path, np.vstack([sheet, draw_legend(predictions.classes, sheet.shape[1])]))
