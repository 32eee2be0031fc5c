"""Bands of any depth to red, green and blue of 8 bits, as a pixel range says."""

import numpy as np

from seg.data.deep.decode import DeepHWB
from seg.labels.label_map import ImageHWC
from seg.pixel_range import PixelRange

_LEVELS = 255


def to_rgb(bands_hwb: DeepHWB, pixel_range: PixelRange) -> ImageHWC:
    """The chosen bands, clipped and scaled to 0..255; one band becomes grey, and what is not finite 0.

    Raises:
        ValueError: the image does not have these bands.
    """
    values_hwb = _chosen(bands_hwb, pixel_range.bands).astype(np.float32)
    low_b, high_b = _ends(values_hwb, pixel_range)
    with np.errstate(invalid="ignore"):
        scaled = (values_hwb - low_b) * (_LEVELS / np.maximum(high_b - low_b, np.finfo(np.float32).tiny))
    scaled = np.nan_to_num(scaled, nan=0.0, posinf=_LEVELS, neginf=0.0)
    image_hwb = np.rint(np.clip(scaled, 0, _LEVELS)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(image_hwb, (*image_hwb.shape[:2], 3)))


def _chosen(bands_hwb: DeepHWB, bands: tuple[int, ...] | None) -> DeepHWB:
    count = bands_hwb.shape[-1]
    if bands is None and count not in {1, 3}:
        raise ValueError(f"has {count} bands: choose 3, or 1 as grey, such as 'bands: [3, 2, 1]'")
    if bands is not None and max(bands) > count:
        raise ValueError(f"has {count} bands, and 'bands' names band {max(bands)}: they count from 1")
    return bands_hwb if bands is None else bands_hwb[..., [band - 1 for band in bands]]


def _ends(values_hwb: DeepHWB, pixel_range: PixelRange) -> tuple[DeepHWB, DeepHWB]:
    """The values that become 0 and 255, for each band."""
    if pixel_range.window is not None:
        half = pixel_range.window.width / 2
        low, high = pixel_range.window.level - half, pixel_range.window.level + half
    elif pixel_range.range is not None:
        low, high = pixel_range.range
    else:
        return _percentiles(values_hwb, pixel_range.percentile or (0, 100))
    return np.array([low], np.float32), np.array([high], np.float32)


def _percentiles(values_hwb: DeepHWB, ends: tuple[float, float]) -> tuple[DeepHWB, DeepHWB]:
    """The percentiles of each band of this image, of its finite values."""
    bands = np.moveaxis(values_hwb, -1, 0)
    finite = (band[np.isfinite(band)] for band in bands)
    lows, highs = zip(*(np.percentile(band, ends) if band.size else (0, 1) for band in finite), strict=True)
    return np.array(lows, np.float32), np.array(highs, np.float32)
