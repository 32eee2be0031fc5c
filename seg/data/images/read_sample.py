"""Read the image of a sample: RGB of 8 bits, or all its bands where the dataset names a pixel range."""

from dataclasses import replace
from functools import partial, reduce
from pathlib import Path

import numpy as np

from seg.data.deep.decode import header_of_deep, read_deep, type_of_bands
from seg.data.deep.percentiles import scale_by_percentiles
from seg.data.deep.picture import picture_of
from seg.data.deep.windowed import WindowedBands, open_large_bands
from seg.data.images.decoding import upright_size
from seg.data.images.image_files import bytes_of_file
from seg.data.images.images import read_image
from seg.data.images.pixel_size import pixel_size_of
from seg.data.images.pyramid import is_pyramid, open_pyramid, sizes_of_levels
from seg.data.images.raster import (
    Raster,
    is_large,
    open_large_file,
    open_raster,
    open_raster_level,
    size_if_large,
)
from seg.data.images.scaled_image import open_scaled_image, size_at_scale
from seg.data.regions.region import Size
from seg.data.splits.split import Sample
from seg.errors import DataError
from seg.image_type import RGB8, ImageHWB, ImageType, common_image_type
from seg.labels.label_map import ImageHWC
from seg.pixel_range import PixelRange


def read_sample(sample: Sample) -> ImageHWB:
    """The image of a sample: uint8 RGB `[H, W, 3]`, or all bands of its slices, `[H, W, B]`.

    Raises:
        DataError: a file cannot be read, or slices have different sizes.
    """
    if sample.region is not None:
        return open_sample(replace(sample, region=None))[sample.region.slices]
    if sample.scale is not None:
        return open_sample(sample)[:, :]
    if sample.pixel_range is None:
        return read_image(sample.image)
    slices = [_read_slice_of_sample(path, sample.pixel_range) for path in sample.stack or (sample.image,)]
    return slices[0] if len(slices) == 1 else _stack_slices(sample, slices)


def open_sample(sample: Sample) -> Raster:
    """The image of a sample to cut tiles from: by region if it is a large file, else as `read_sample`."""
    if sample.region is not None or sample.stack:
        return read_sample(sample)
    if sample.scale is not None:
        return open_scaled_image(
            sample.image, sample.scale, _levels_of_sample(sample), partial(_open_sample_at_level, sample)
        )
    return _open_sample_at_level(sample, 0)


def _open_sample_at_level(sample: Sample, level: int) -> Raster:
    path, pixel_range = sample.image, sample.pixel_range
    if level and pixel_range is None:
        return open_raster_level(path, level)
    if level and pixel_range is not None:
        return WindowedBands(open_pyramid(path, level), pixel_range.percentile)
    return open_raster(path) if pixel_range is None else open_bands_to_tile(path, pixel_range)


def _levels_of_sample(sample: Sample) -> tuple[Size, ...]:
    """The size of each level of its file, the full resolution first."""
    return sizes_of_levels(sample.image) or (full_size_of_sample(sample),)


def open_bands_to_tile(path: Path, pixel_range: PixelRange) -> Raster:
    """An image of any bands to cut tiles from: by region if it is a large file; raises DataError."""
    return open_large_bands(path, pixel_range.percentile) or _read_slice_of_sample(path, pixel_range)


def draw_sample(sample: Sample) -> ImageHWC:
    """A sample's image as a picture, uint8 RGB `[H, W, 3]`; raises DataError as `read_sample`."""
    return sample_as_picture(sample, read_sample(sample))


def sample_as_picture(sample: Sample, pixels: ImageHWB) -> ImageHWC:
    """Pixels of a sample's image as a picture; raises DataError if it lacks bands that pictures show."""
    if sample.pixel_range is None:
        return pixels
    try:
        return picture_of(pixels, sample.pixel_range, sample.rgb)
    except ValueError as error:
        raise DataError(f"{sample.image}: {error}") from error


def size_of_sample(sample: Sample) -> Size:
    """Height and width of a sample's image; raises DataError."""
    if sample.region is not None:
        return sample.region.size_hw
    if sample.scale is None:
        return full_size_of_sample(sample)
    return size_at_scale(sample.image, sample.scale, _levels_of_sample(sample))


def size_if_by_region(sample: Sample) -> Size | None:
    """Height and width of a sample's image that is read by region; None for those that are decoded whole."""
    if sample.scale is None:
        return size_if_large(sample.image)
    size_hw = size_of_sample(sample)
    return size_hw if is_large(size_hw) else None


def full_size_of_sample(sample: Sample) -> Size:
    """Height and width of a sample's whole image at its full resolution; raises DataError."""
    if is_pyramid(sample.image):
        return open_pyramid(sample.image).size_hw
    if large_hw := size_if_large(sample.image):
        return large_hw
    data = bytes_of_file(sample.image)
    try:
        return upright_size(data) if sample.pixel_range is None else header_of_deep(data)[0]
    except ValueError as error:
        raise DataError(f"{sample.image}: {error}") from error


def micrometres_of_sample(sample: Sample) -> float | None:
    """The side of a pixel of a sample as it is read, if it is known and in micrometres."""
    found = pixel_size_of(sample.image)
    if found is not None and found.unit != "um":
        return None
    if sample.scale is None:
        return found.width if found else None
    return sample.scale.resolution


def type_of_sample(sample: Sample) -> ImageType:
    """The type of a sample's image, by the headers of its files; raises DataError."""
    if sample.pixel_range is None:
        return RGB8
    types = [_type_of_file(path) for path in sample.stack or (sample.image,)]
    pixels = "float32" if sample.pixel_range.percentile else reduce(common_image_type, types).pixels
    return ImageType(pixels, sum(one.bands for one in types))


def sample_may_lack_data(sample: Sample) -> bool:
    """Whether its files may have values that are NaN, by their headers; raises DataError."""
    slices = set(sample.stack or (sample.image,))
    return sample.pixel_range is not None and any(_type_of_file(path).pixels == "float32" for path in slices)


def scale_to_pixel_range(image_hwb: ImageHWB, pixel_range: PixelRange) -> ImageHWB:
    """An image that was read elsewhere, scaled by its percentiles if the range has some."""
    percentile = pixel_range.percentile
    return image_hwb if percentile is None else scale_by_percentiles(image_hwb, percentile)


def _read_slice_of_sample(path: Path, pixel_range: PixelRange) -> ImageHWB:
    return scale_to_pixel_range(read_deep(path), pixel_range)


def _type_of_file(path: Path) -> ImageType:
    if large := open_pyramid(path) if is_pyramid(path) else open_large_file(path):
        return type_of_bands(large.dtypes, large.nodata)
    try:
        return header_of_deep(bytes_of_file(path))[1]
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _stack_slices(sample: Sample, slices: list[ImageHWB]) -> ImageHWB:
    for path, one in zip(sample.stack, slices, strict=True):
        if one.shape[:2] != slices[0].shape[:2]:
            sizes = " and ".join(f"{part.shape[1]}x{part.shape[0]}" for part in (one, slices[0]))
            raise DataError(f"{path}: has another size than {sample.stack[0]}, {sizes}: slices are stacked")
    return np.concatenate(slices, axis=-1)
