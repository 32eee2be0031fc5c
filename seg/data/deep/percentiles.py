"""Images brought to 0..1 by percentiles of their own values, before any model sees them.

It is done when an image is read, because percentiles are those of the whole image: a model's graph sees
tiles, views and batches, and the tiles of one image would get different ranges.
"""

import numpy as np
from numpy.typing import NDArray

from seg.image_type import ImageHWB

EndsB = NDArray[np.float32]
"""A value for each band."""


def percentiles_of(image_hwb: ImageHWB, percentile: tuple[float, float]) -> tuple[EndsB, EndsB]:
    """The two percentiles of each band, of its finite values; 0 and 1 if it has none."""
    bands = np.moveaxis(image_hwb, -1, 0)
    finite = (band[np.isfinite(band)] for band in bands)
    lows, highs = zip(
        *(np.percentile(band, percentile) if band.size else (0, 1) for band in finite), strict=True
    )
    return np.array(lows, np.float32), np.array(highs, np.float32)


def scale_to_ends(image_hwb: ImageHWB, low_b: EndsB, high_b: EndsB) -> NDArray[np.float32]:
    """The image with `low_b` at 0 and `high_b` at 1, not clipped; NaN stays NaN."""
    span_b = np.maximum(high_b - low_b, np.finfo(np.float32).tiny)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled: NDArray[np.float32] = (image_hwb.astype(np.float32) - low_b) / span_b
    return scaled


def scale_by_percentiles(image_hwb: ImageHWB, percentile: tuple[float, float]) -> NDArray[np.float32]:
    """The image with its percentiles at 0 and 1, float32 `[H, W, B]`."""
    return scale_to_ends(image_hwb, *percentiles_of(image_hwb, percentile))
