"""Sample frames: a few of the images to predict, to measure time and memory on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from seg.data import Sample
from seg.data.images.raster import Raster
from seg.data.images.read_sample import open_sample
from seg.engine.passes.tiles import lay_out_tiles
from seg.image_type import RGB8, ImageHWB, ImageType
from seg.spec.ensemble.prediction import TileSpec

SAMPLE_FRAMES: Final = 2
DRAWN_SIDE: Final = 512


@dataclass(frozen=True, slots=True)
class SampleFrame:
    """An image, or the middle one of its `tiles` tiles."""

    frame_hwc: ImageHWB
    tiles: int


def sample_frames_of(
    samples: Sequence[Sample], tile: TileSpec | None, image_type: ImageType = RGB8
) -> list[SampleFrame]:
    """Frames of images that are spread evenly; without images a drawn one of the members' type.

    Raises:
        DataError: an image cannot be read.
    """
    if not samples:
        return [_sample_frame(_drawn_sample_image(image_type), tile)]
    spread = samples[:: max(1, len(samples) // SAMPLE_FRAMES)][:SAMPLE_FRAMES]
    return [_sample_frame(open_sample(sample), tile) for sample in spread]


def _drawn_sample_image(image_type: ImageType) -> ImageHWB:
    """Slopes in three directions, in turn."""
    slope = np.floor(np.linspace(0, 255, DRAWN_SIDE)).astype(image_type.pixels)
    slopes = np.broadcast_arrays(slope, slope[:, None], slope[::-1])
    return np.stack([slopes[band % len(slopes)] for band in range(image_type.bands)], axis=-1)


def _sample_frame(image_hwc: Raster, tile: TileSpec | None) -> SampleFrame:
    layout = lay_out_tiles(image_hwc.shape[:2], tile)
    middle_hwc = layout.tile(image_hwc, layout.count // 2)
    return SampleFrame(np.ascontiguousarray(middle_hwc), layout.count)
