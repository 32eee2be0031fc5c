"""A picture of some images, their labels, and what the ensemble makes of them."""

from pathlib import Path

import numpy as np

from seg.data import Split, open_split, read_image
from seg.data.images import write_image
from seg.drawing import contact_sheet, enlarged, legend, overlay
from seg.engine import Ensemble
from seg.labels import ImageHWC
from seg.spec import EnsembleSpec

_LEAST_WIDTH = 240


def draw_overlays(spec: EnsembleSpec, path: Path, count: int) -> None:
    """Write a sheet of `count` images spread over the split that is predicted.

    Columns: the image, its labels where the split has them, and the ensemble's answer.

    Raises:
        DataError: an image or its labels cannot be read.
        ModelError: a model is missing or not usable.
    """
    ensemble = Ensemble.load(spec)
    split = open_split(spec.data, "predict")
    step = max(1, len(split.samples) // count)
    indexes = range(0, len(split.samples), step)[:count]
    truth = spec.data.to_predict.labelled
    clear = spec.data.background(ensemble.classes)
    rows = [_row(ensemble, split, index, clear, truth) for index in indexes]
    titles = ["image", *(["labels"] if truth else []), "ensemble"]
    sheet = contact_sheet(rows, titles)
    write_image(path, np.vstack([sheet, legend(ensemble.classes, sheet.shape[1])]))


def _row(ensemble: Ensemble, split: Split, index: int, clear: int | None, truth: bool) -> list[ImageHWC]:
    image_hwc = read_image(split.samples[index].image)
    maps = [split.labels(index)] if truth else []
    maps.append(ensemble.predict(image_hwc).labels)
    drawn = [overlay(image_hwc, labels_hw, ensemble.classes, clear=clear) for labels_hw in maps]
    return [enlarged(picture, _LEAST_WIDTH) for picture in (image_hwc, *drawn)]
