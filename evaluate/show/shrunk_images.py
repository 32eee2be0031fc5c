"""Large images as pictures: shrunk while they are read, strip by strip."""

import math
from collections.abc import Iterator
from operator import itemgetter
from typing import Final

import cv2
import numpy as np

from seg.data import Sample
from seg.data.deep.picture import picture_of
from seg.data.images.raster import Raster
from seg.data.images.read_sample import draw_sample, open_sample, size_if_by_region
from seg.data.regions.label_raster import LabelRaster
from seg.engine import Ensemble
from seg.engine.passes.views import resize_bands
from seg.engine.pipeline.collectors import LabelStrip, StripResults
from seg.image_type import ImageHWB
from seg.labels.label_map import ImageHWC
from seg.labels.task import LabelMap

MOST_SIDE: Final = 2048
"""The longest side of the picture of a large image."""

_ROWS: Final = 64
"""Rows of the picture that are read together."""


def shrink_step_of(sample: Sample) -> int:
    """The side of the squares of pixels that are one pixel of the picture: 1 but for large images."""
    size_hw = None if sample.region or sample.stack else size_if_by_region(sample)
    return math.ceil(max(size_hw) / MOST_SIDE) if size_hw else 1


def shrunk_picture(sample: Sample, step: int) -> ImageHWC:
    """The means of squares of pixels as a picture, uint8 RGB; raises DataError."""
    if step == 1:
        return draw_sample(sample)
    image = open_sample(sample)
    shrunk_hwb = np.concatenate(
        [_shrink_strip(strip_hwb, step) for strip_hwb in _strips_to_shrink(image, step)]
    )
    if sample.pixel_range is None:
        return shrunk_hwb
    return picture_of(shrunk_hwb, sample.pixel_range, sample.rgb)


def shrunk_labels(labels: LabelRaster, step: int) -> LabelMap:
    """The labels in the middle of squares of pixels."""
    if step == 1:
        return labels[:, :]
    height, width = (side // step * step for side in labels.shape)
    rows = (labels[row : row + 1, :width] for row in range(step // 2, height, step))
    return np.concatenate([row[:, step // 2 :: step] for row in rows])


def shrunk_prediction(ensemble: Ensemble, sample: Sample, step: int) -> LabelMap:
    """The same of a prediction, whose label map never exists as a whole."""
    image = open_sample(sample)
    height, width = (side // step * step for side in image.shape[:2])

    def in_middles(_: None, strip: LabelStrip) -> tuple[int, LabelMap]:
        rows_hw = strip.labels_hw[: max(0, height - strip.top)]
        return strip.top, rows_hw[(step // 2 - strip.top) % step :: step, step // 2 : width : step]

    strips = ensemble.label_all(
        [(None, image)],
        lambda _, labels_hw: (0, shrunk_labels(labels_hw, step)),
        strips=StripResults(lambda _, rows: range(rows), in_middles),
    )
    return np.concatenate([labels_hw for _, labels_hw in sorted(strips, key=itemgetter(0))])


def _strips_to_shrink(image: Raster, step: int) -> Iterator[ImageHWB]:
    """Strips of rows of whole squares, without the pixels at the edges that fill none."""
    height, width = (side // step * step for side in image.shape[:2])
    for top in range(0, height, _ROWS * step):
        yield image[top : min(height, top + _ROWS * step), :width]


def _shrink_strip(strip_hwb: ImageHWB, step: int) -> ImageHWB:
    rows, columns = (side // step for side in strip_hwb.shape[:2])
    return resize_bands(strip_hwb, (columns, rows), cv2.INTER_AREA)
