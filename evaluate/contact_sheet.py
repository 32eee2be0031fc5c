"""The command `seg show`: images, labels, and predictions as a contact sheet, or each as a zoomable map."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from seg.data import Sample, Split, open_split
from seg.data.images.images import write_image
from seg.data.images.read_sample import draw_sample, micrometres_read, open_sample, read_sample
from seg.data.regions.label_raster import LabelRaster
from seg.data.regions.resized_labels import resized_labels
from seg.engine import Ensemble
from seg.engine.submissions import SubmissionSpec
from seg.errors import DataError
from seg.files.outputs import output_folder
from seg.image_type import ImageHWB
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC
from seg.labels.task import LabelMap
from seg.pictures.drawing import captioned, contact_sheet, enlarged, legend, overlay
from seg.pictures.zoom_map import MapLayer, write_list_of_maps, write_zoom_map
from seg.spec import EnsembleSpec
from seg.terminal.progress import progress

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
    labels_of: Callable[[Sample], LabelMap]


def draw_ensemble(
    spec: EnsembleSpec, path: Path, wanted: Sequence[str], count: int, *, as_maps: bool = False
) -> None:
    """Write a sheet of images, their labels if there are any, and the ensemble's predictions.

    Args:
        wanted: ids of images of the predict split, or paths of any images; if empty, `count` images spread
            over the split.
        as_maps: write a folder of zoomable maps instead of a sheet.

    Raises:
        DataError: an image or its labels cannot be read.
        ModelError, MissingRuntimeError: a member cannot be loaded.
    """
    split = open_split(spec.data, "predict")
    shown = _choose(split, wanted, count)
    ensemble = Ensemble.load(spec)
    predictions = PredictionSource(
        "ensemble", ensemble.classes, lambda sample: ensemble.predict(_predicted(sample)).labels
    )
    draw = _write_maps if as_maps else _draw
    draw(spec, split, shown, predictions, path)


def draw_submission(
    spec: EnsembleSpec,
    submission: Path,
    path: Path,
    wanted: Sequence[str],
    count: int,
    *,
    as_maps: bool = False,
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

    def labels_of(sample: Sample) -> LabelMap:
        if sample.id not in found:
            raise DataError(f"{submission}: has no label map of the image {sample.id!r}")
        return found[sample.id]

    draw = _write_maps if as_maps else _draw
    draw(spec, known.split, shown, PredictionSource(submission.name, known.classes, labels_of), path)


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
        maps.append(resized_labels(predictions.labels_of(one.sample), image_hwc.shape[:2])[:, :])
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


def _write_maps(
    spec: EnsembleSpec, split: Split, shown: Sequence[SheetImage], predictions: PredictionSource, path: Path
) -> None:
    """A zoomable map of each image, in a folder of its number: 1, 2 and so on."""
    clear, task = spec.data.background(predictions.classes), spec.data.task
    with output_folder(path) as folder, progress("maps", len(shown), unit="images") as advance:
        for number, one in enumerate(shown, start=1):
            image = draw_sample(one.sample) if one.sample.pixel_range else open_sample(one.sample)
            labels: dict[str, LabelRaster] = {predictions.title: predictions.labels_of(one.sample)}
            if spec.data.to_predict.labelled and one.index is not None:
                labels["labels"] = split.open_labels(one.index)
            layers = [
                MapLayer(name, resized_labels(own, image.shape[:2]), predictions.classes, task, clear)
                for name, own in labels.items()
            ]
            micrometres = micrometres_read(one.sample)
            write_zoom_map(folder / str(number), one.sample.id, image, layers, micrometres)
            advance()
        write_list_of_maps(folder, [one.sample.id for one in shown])
