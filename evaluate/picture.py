"""A picture of some images, their labels, and what the ensemble, or a submission, makes of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from seg.classes import ClassInfo
from seg.data import Sample, Split, open_split, read_image
from seg.data.images import write_image
from seg.drawing import captioned, contact_sheet, enlarged, legend, overlay
from seg.engine import Ensemble
from seg.engine.submissions import SubmissionSpec
from seg.errors import DataError
from seg.labels import ImageHWC, LabelsHW
from seg.spec import EnsembleSpec

_LEAST_WIDTH: Final = 240


@dataclass(frozen=True, slots=True)
class Shown:
    """An image that is shown, and its position in the split, where it is one of it."""

    sample: Sample
    index: int | None


@dataclass(frozen=True, slots=True)
class Answers:
    """What is shown beside the images: its name, the classes, and the label map of a sample."""

    title: str
    classes: Sequence[ClassInfo]
    labels_of: Callable[[Sample, ImageHWC], LabelsHW]


def draw_ensemble(spec: EnsembleSpec, path: Path, wanted: Sequence[str], count: int) -> None:
    """Write a sheet of images, their labels where there are any, and the ensemble's answers.

    Args:
        wanted: ids of images that are predicted, or paths of any; where there are none, `count` images
            spread over those that are predicted.

    Raises:
        DataError: an image or its labels cannot be read.
        ModelError, MissingRuntimeError: a member cannot be loaded.
    """
    split = open_split(spec.data, "predict")
    shown = _choose(split, wanted, count)
    ensemble = Ensemble.load(spec)
    answers = Answers("ensemble", ensemble.classes, lambda sample, _: ensemble.predict(sample.image).labels)
    _draw(spec, split, shown, answers, path)


def draw_submission(
    spec: EnsembleSpec, submission: Path, path: Path, wanted: Sequence[str], count: int
) -> None:
    """The same for the label maps of a submission; no model is needed.

    Raises:
        DataError: an image or its labels cannot be read, or the submission is none or lacks an image.
    """
    known = SubmissionSpec(spec)
    shown = _choose(known.split, wanted, count)
    ids = {one.sample.id for one in shown}
    found = {
        name: labels_hw for name, labels_hw in known.form().read(submission, known.size_of) if name in ids
    }

    def labels_of(sample: Sample, _: ImageHWC) -> LabelsHW:
        if sample.id not in found:
            raise DataError(f"{submission}: has nothing for the image {sample.id!r}")
        return found[sample.id]

    _draw(spec, known.split, shown, Answers(submission.name, known.classes, labels_of), path)


def _choose(split: Split, wanted: Sequence[str], count: int) -> list[Shown]:
    if not wanted:
        step = max(1, len(split.samples) // count)
        return [Shown(split.samples[index], index) for index in range(0, len(split.samples), step)[:count]]
    return [_find(split, name) for name in wanted]


def _find(split: Split, name: str) -> Shown:
    path = Path(name)
    for index, sample in enumerate(split.samples):
        if sample.id == name or sample.image.resolve() == path.resolve():
            return Shown(sample, index)
    if not path.is_file():
        raise DataError(f"{name}: is neither an image file nor the id of an image that is predicted")
    return Shown(Sample(path.stem, path), None)


def _draw(spec: EnsembleSpec, split: Split, shown: Sequence[Shown], answers: Answers, path: Path) -> None:
    truth = spec.data.to_predict.labelled and all(one.index is not None for one in shown)
    clear = spec.data.background(answers.classes)

    def row(one: Shown) -> list[ImageHWC]:
        image_hwc = read_image(one.sample.image)
        maps = [split.labels(one.index)] if truth and one.index is not None else []
        maps.append(_at_size_of(image_hwc, answers.labels_of(one.sample, image_hwc)))
        drawn = [overlay(image_hwc, labels_hw, answers.classes, clear=clear) for labels_hw in maps]
        first_hwc, *others = (enlarged(picture, _LEAST_WIDTH) for picture in (image_hwc, *drawn))
        return [captioned(first_hwc, one.sample.id), *(captioned(other_hwc, "") for other_hwc in others)]

    sheet = contact_sheet(
        [row(one) for one in shown], ["image", *(["labels"] if truth else []), answers.title]
    )
    write_image(path, np.vstack([sheet, legend(answers.classes, sheet.shape[1])]))


def _at_size_of(image_hwc: ImageHWC, labels_hw: LabelsHW) -> LabelsHW:
    """A label map, which may be on a smaller grid, pixel by pixel."""
    height, width = image_hwc.shape[:2]
    resized = cv2.resize(labels_hw, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized, dtype=np.uint8)
