"""Read the image of a sample, in the pixel range of its dataset."""

from pathlib import Path

from seg.data.deep.decode import decode_deep
from seg.data.deep.to_rgb import to_rgb
from seg.data.images.decoding import upright_size
from seg.data.images.image_files import bytes_of
from seg.data.images.images import read_image
from seg.data.images.raster import Raster, open_raster
from seg.data.splits.split import Sample
from seg.errors import DataError
from seg.labels.label_map import ImageHWC
from seg.pixel_range import PixelRange


def read_sample(sample: Sample) -> ImageHWC:
    """The image of a sample, uint8 RGB `[H, W, 3]`; raises DataError as `read_image`."""
    if sample.pixel_range is None:
        return read_image(sample.image)
    return read_in_range(sample.image, sample.pixel_range)


def open_sample(sample: Sample) -> Raster:
    """The image of a sample to cut tiles from, as `open_raster`; in a pixel range it is decoded whole."""
    return open_raster(sample.image) if sample.pixel_range is None else read_sample(sample)


def size_of_sample(sample: Sample) -> tuple[int, int]:
    """Height and width of a sample's image; raises DataError."""
    if sample.pixel_range is not None:
        height, width, _ = read_sample(sample).shape
        return height, width
    try:
        return upright_size(bytes_of(sample.image))
    except ValueError as error:
        raise DataError(f"{sample.image}: {error}") from error


def read_in_range(path: Path, pixel_range: PixelRange) -> ImageHWC:
    """Decode an image of any bands and depth to RGB, uint8 `[H, W, 3]`.

    Raises:
        DataError: the file cannot be read, or does not have the bands.
    """
    try:
        return to_rgb(decode_deep(bytes_of(path)), pixel_range)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
