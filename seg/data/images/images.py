"""Read and write images and index masks; problems raise one clear line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.images.decoding import BandsHWC, decode_bands, decode_index_map, decode_indexes
from seg.data.images.image_files import bytes_of_file
from seg.data.images.image_header import refuse_too_many_pixels
from seg.data.images.pyramid import is_pyramid, open_pyramid
from seg.data.images.windowed_image import open_as_rgb
from seg.errors import DataError, OutputError
from seg.files.atomic import atomic_path
from seg.labels.label_map import ImageHWC, LabelsHW

_JPEG_QUALITY: Final = 92
_JPEG_SUFFIXES: Final = frozenset({".jpg", ".jpeg"})


def read_image(path: Path) -> ImageHWC:
    """Decode an image to RGB, uint8 `[H, W, 3]`.

    Greyscale and palettes become RGB, an alpha channel is dropped, and the EXIF orientation is applied.

    Raises:
        DataError: the file is missing, empty, truncated, damaged, or not an image; or it has more than 8 bits
            per channel, or other bands.
    """
    if is_pyramid(path):
        return _read_whole_pyramid(path)
    return decode_image(bytes_of_file(path), path)


def decode_image(data: bytes, name: Path | str) -> ImageHWC:
    """Decode the contents of an image file to RGB, uint8 `[H, W, 3]`; `name` is its name in errors."""
    return without_alpha(_decode_named_image(data, name))


def read_image_with_alpha(path: Path) -> BandsHWC:
    """Decode an image with its alpha channel, if it has one: uint8 `[H, W, 3 or 4]`."""
    if is_pyramid(path):
        return _read_whole_pyramid(path)
    return _decode_named_image(bytes_of_file(path), path)


def without_alpha(bands_hwc: BandsHWC) -> ImageHWC:
    return np.ascontiguousarray(bands_hwc[..., :3])


def read_mask(path: Path) -> LabelsHW:
    """Decode an index mask to its pixel values, uint8 `[H, W]`; for a palette image, the indexes.

    Raises:
        DataError: as for an image, or it has more than one channel or more than 8 bits.
    """
    try:
        return decode_indexes(bytes_of_file(path))
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def read_index_map(path: Path) -> NDArray[Any]:
    """Decode an index mask, which may be a PNG of 16 bits: uint8 or uint16 `[H, W]`.

    Raises:
        DataError: the file cannot be read or decoded.
    """
    try:
        return decode_index_map(bytes_of_file(path))
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def write_image(path: Path, image_hwc: ImageHWC) -> None:
    """Encode an RGB image by the ending of `path`, atomically (JPEG at quality 92).

    Raises:
        OutputError: the ending names no format that can be written.
    """
    is_jpeg = path.suffix.lower() in _JPEG_SUFFIXES
    options = (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY) if is_jpeg else ()
    _write_encoded_image(path, np.ascontiguousarray(image_hwc[..., ::-1]), options)


def write_mask(path: Path, labels_hw: LabelsHW) -> None:
    """Encode a label map, uint8 `[H, W]`, as an 8-bit greyscale PNG, atomically.

    Raises:
        OutputError: the path does not end in `.png`, or cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise OutputError(f"{path}: a mask needs a lossless format: name it .png")
    _write_encoded_image(path, labels_hw, ())


def _read_whole_pyramid(path: Path) -> ImageHWC:
    """A slide or an OME-TIFF, whole, at its full resolution."""
    image = open_as_rgb(path, open_pyramid(path))
    height, width, _ = image.shape
    try:
        refuse_too_many_pixels((height, width))
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    return image[:, :]


def _decode_named_image(data: bytes, name: Path | str) -> BandsHWC:
    try:
        return decode_bands(data)
    except ValueError as error:
        raise DataError(f"{name}: {error}") from error


def _write_encoded_image(path: Path, pixels: NDArray[np.uint8], options: Sequence[int]) -> None:
    try:
        encoded, data = cv2.imencode(path.suffix.lower(), pixels, options)
    except cv2.error:
        encoded = False
    if not encoded:
        raise OutputError(f"{path}: {path.suffix or 'no ending'} is not an image format that can be written")
    with atomic_path(path, is_one_of_many=True) as temporary:
        temporary.write_bytes(data.tobytes())
