"""Checks of the image files of a dataset: readable, not flat, opaque, and of the size of their labels."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from seg.data.check.findings import CheckedLabels, Finding
from seg.data.deep.picture import check_rgb, levels_in_range
from seg.data.images.decoding import BandsHWC
from seg.data.images.image_header import Size
from seg.data.images.images import read_image_with_alpha, without_alpha
from seg.data.images.pyramid import sizes_of_levels
from seg.data.images.raster import open_raster, size_if_large
from seg.data.images.read_sample import open_bands_to_tile
from seg.data.images.scaled_image import size_at_scale
from seg.errors import DataError
from seg.image_type import ImageHWB
from seg.pixel_range import PixelRange
from seg.spec.dataset.dataset import DatasetSpec

_OPAQUE: Final = 255
_LEAST_CONTRAST: Final = 2.0


def check_image_file(
    path: Path, digests: dict[Path, str], findings: list[Finding], dataset: DatasetSpec
) -> Size:
    """Check an image; returns its size. Of an image that is read by window, only the size is checked."""
    if dataset.pixel_range is not None:
        return _check_band_image(path, digests, findings, dataset, dataset.pixel_range)
    large_hw = size_if_large(path)
    if large_hw is not None:
        open_raster(path)  # Bands that would be lost are reported.
        return large_hw
    bands_hwc = read_image_with_alpha(path)
    findings += _transparency_warning(path, bands_hwc)
    digests[path] = _digest_of_pixels(without_alpha(bands_hwc))
    return bands_hwc.shape[0], bands_hwc.shape[1]


def _check_band_image(
    path: Path,
    digests: dict[Path, str],
    findings: list[Finding],
    dataset: DatasetSpec,
    pixel_range: PixelRange,
) -> Size:
    """Check an image of any bands, or a slice of a stack; of a large one, only its size."""
    raster = open_bands_to_tile(path, pixel_range)
    height, width, bands = raster.shape
    bands *= dataset.stack.slices if dataset.stack else 1
    try:
        pixel_range.seen_of(bands)
        check_rgb(dataset.rgb, bands)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    if isinstance(raster, np.ndarray):
        findings += _flat_image_warning(path, raster, pixel_range)
        digests[path] = _digest_of_pixels(raster)
    return height, width


def _flat_image_warning(path: Path, image_hwb: ImageHWB, pixel_range: PixelRange) -> Iterator[Finding]:
    """A warning if the image has no data, or the range leaves nothing to see."""
    if np.isnan(image_hwb).all():
        yield Finding("warning", path, None, "has no pixel with data", "remove it")
        return
    levels_hwb = levels_in_range(image_hwb, pixel_range)
    if levels_hwb.std(axis=(0, 1)).max() < _LEAST_CONTRAST:
        problem = (
            f"is nearly flat in this range: its values are {levels_hwb.min()}..{levels_hwb.max()} of 255"
        )
        yield Finding("warning", path, None, problem, "choose another 'range', 'percentile' or 'window'")


def _transparency_warning(path: Path, bands_hwc: BandsHWC) -> Iterator[Finding]:
    alpha_hw = bands_hwc[..., 3:]
    if alpha_hw.size and alpha_hw.min() < _OPAQUE:
        share = (alpha_hw < _OPAQUE).mean()
        problem = f"{share:.0%} of its pixels are transparent, and are read as if they were opaque"
        yield Finding("warning", path, None, problem, "check that it looks right without its alpha channel")


def scale_error(path: Path, size_hw: Size, dataset: DatasetSpec) -> Iterator[Finding]:
    """An error if the image cannot be read at the dataset's resolution or level."""
    try:
        if dataset.read_scale:
            size_at_scale(path, dataset.read_scale, sizes_of_levels(path) or (size_hw,))
    except DataError as error:
        problem, _, fix = str(error).removeprefix(f"{path}: ").rpartition(": ")
        yield Finding("error", path, None, problem, fix)


def label_size_error(path: Path, size_hw: Size, check_labels: CheckedLabels) -> Iterator[Finding]:
    """An error if the image and its labels differ in size."""
    if check_labels.size_hw is not None and check_labels.size_hw != size_hw:
        height, width = check_labels.size_hw
        problem = f"is {size_hw[1]}x{size_hw[0]}, its labels are {width}x{height}"
        fix = "resize one of them; check the EXIF orientation"
        yield Finding("error", path, None, problem, fix)


def _digest_of_pixels(image_hwc: ImageHWB) -> str:
    digest = hashlib.sha256(repr(image_hwc.shape).encode())
    digest.update(image_hwc.data)
    return digest.hexdigest()
