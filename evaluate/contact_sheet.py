"""The command `seg show`: a contact sheet of images, labels, and predictions."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from seg.data import Sample, Split, open_split
from seg.data.images.images import write_image
from seg.data.images.read_sample import draw_sample, read_sample
from seg.engine import Ensemble
from seg.engine.submissions import SubmissionSpec
from seg.errors import DataError
from seg.image_type import ImageHWB
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC
from seg.labels.task import LabelMap
from seg.pictures.drawing import captioned, contact_sheet, enlarged, legend, overlay
from seg.spec import EnsembleSpec

_LEAST_WIDTH: Final = 240


@dataclass(frozen=True, slots=True)
class SheetImage:
    """An image on the sheet, and its position in the split, or None if it is not in the split."""

    sample: Sample
    index: int | None


@dataclass(frozen=True, slots=True)
class PredictionSource:
    """The predictions to draw: a title, the classes, and the label map of a sample."""

    title: str
    classes: Sequence[ClassInfo]
    labels_of: Callable[[Sample, ImageHWC], LabelMap]


def draw_ensemble(spec: EnsembleSpec, path: Path, wanted: Sequence[str], count: int) -> None:
    """Write a sheet of images, their labels if there are any, and the ensemble's predictions.

    Args:
        wanted: ids of images of the predict split, or paths of any images; if empty, `count` images spread
            over the split.

    Raises:
        DataError: an image or its labels cannot be read.
        ModelError, MissingRuntimeError: a member cannot be loaded.
    """
    split = open_split(spec.data, "predict")
    shown = _choose(split, wanted, count)
    ensemble = Ensemble.load(spec)
    predictions = PredictionSource(
        "ensemble", ensemble.classes, lambda sample, _: ensemble.predict(_predicted(sample)).labels
    )
    _draw(spec, split, shown, predictions, path)


def draw_submission(
    spec: EnsembleSpec, submission: Path, path: Path, wanted: Sequence[str], count: int
) -> None:
    """Write the same sheet for the label maps of a submission, without a model.

    Raises:
        DataError: an image or its labels cannot be read, or the submission is invalid or has no label map of
            an image.
    """
    known = SubmissionSpec(spec)
    shown = _choose(known.split, wanted, count)
    ids = {one.sample.id for one in shown}
    found = {
        name: labels_hw for name, labels_hw in known.form().read(submission, known.size_of) if name in ids
    }

    def labels_of(sample: Sample, _: ImageHWC) -> LabelMap:
        if sample.id not in found:
            raise DataError(f"{submission}: has no label map of the image {sample.id!r}")
        return found[sample.id]

    _draw(spec, known.split, shown, PredictionSource(submission.name, known.classes, labels_of), path)


def _choose(split: Split, wanted: Sequence[str], count: int) -> list[SheetImage]:
    if not wanted:
        step = max(1, len(split.samples) // count)
        return [
            SheetImage(split.samples[index], index) for index in range(0, len(split.samples), step)[:count]
        ]
    return [_find(split, name) for name in wanted]


def _find(split: Split, name: str) -> SheetImage:
    path = os.path.realpath(name)
    for index, sample in enumerate(split.samples):
        if sample.id == name or os.path.realpath(sample.image) == path:
            return SheetImage(sample, index)
    if not Path(name).is_file():
        raise DataError(f"{name}: is neither an image file nor the id of an image of the predict split")
    other = Sample(Path(name).stem, Path(name))
    if split.samples:
        other = replace(other, pixel_range=split.samples[0].pixel_range, scale=split.samples[0].scale)
    return SheetImage(other, None)


def _predicted(sample: Sample) -> Path | ImageHWB:
    """What the ensemble predicts: a file, or what is made of several or at another scale."""
    return read_sample(sample) if sample.stack or sample.scale else sample.image


def _draw(
    spec: EnsembleSpec, split: Split, shown: Sequence[SheetImage], predictions: PredictionSource, path: Path
) -> None:
    truth = spec.data.to_predict.labelled and all(one.index is not None for one in shown)
    clear = spec.data.background(predictions.classes)

    def row(one: SheetImage) -> list[ImageHWC]:
        image_hwc = draw_sample(one.sample)
        maps = [split.labels(one.index)] if truth and one.index is not None else []
        maps.append(_resized_to_image(image_hwc, predictions.labels_of(one.sample, image_hwc)))
        drawn = [
            overlay(image_hwc, labels_hw, predictions.classes, clear=clear, task=spec.data.task)
            for labels_hw in maps
        ]
        first_hwc, *others = (enlarged(picture, _LEAST_WIDTH) for picture in (image_hwc, *drawn))
        return [captioned(first_hwc, one.sample.id), *(captioned(other_hwc, "") for other_hwc in others)]

    sheet = contact_sheet(
        [row(one) for one in shown], ["image", *(["labels"] if truth else []), predictions.title]
    )
    write_image(path, np.vstack([sheet, legend(predictions.classes, sheet.shape[1])]))


def _resized_to_image(image_hwc: ImageHWC, labels_hw: LabelMap) -> LabelMap:
    """A label map, which may be on a smaller grid, resized to its image by nearest neighbour."""
    rows, columns = (
        np.arange(length) * own // length
        for length, own in zip(image_hwc.shape[:2], labels_hw.shape, strict=True)
    )
    return labels_hw[np.ix_(rows, columns)]
