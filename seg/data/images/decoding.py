"""Decode the bytes of an image file to pixels, and refuse truncated and damaged files with one line.

Each format is decoded by a library that detects damage and does not write to stderr: JPEG by simplejpeg,
which reports libjpeg's warnings; TIFF and WebP without alpha by OpenCV, because Pillow's libtiff writes to
stderr and its WebP decoder takes three times as long; everything else by Pillow, because OpenCV multiplies
colours by alpha and expands palettes.
"""

from io import BytesIO
from typing import Any, Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

from seg.data.images.image_header import (
    ODD_SUBSAMPLING,
    LostBandsError,
    damage_as_value_error,
    image_size,
    is_deep_grey_png,
    is_jpeg,
    open_image,
    refuse_too_many_pixels,
    size_of_header,
    without_text,
)
from seg.data.images.pages import refuse_several_images
from seg.labels.label_map import LabelsHW

BandsHWC = NDArray[np.uint8]
"""Red, green and blue, and alpha where the file has one: uint8 `[H, W, 3 or 4]`."""

_MASK_FIX: Final = "a mask's pixel values are class ids: save it as 8-bit greyscale or with a palette"
_ORIENTATION: Final = 0x0112
_UPRIGHT: Final = 1
_TRANSPOSED: Final = frozenset({5, 6, 7, 8})
_TIFF: Final = "TIFF"
_SURPLUS: Final = "extraneous bytes before marker 0xd9"
"""What libjpeg says of bytes behind the last pixel, which some cameras write: all pixels are there."""


def decode_bands(data: bytes) -> BandsHWC:
    """Decode an image, in its EXIF orientation; greyscale, palettes and inks become RGB.

    Raises:
        ValueError: the file is truncated, damaged, too large, or has bands or depth that would be lost; the
            message does not have the file's name.
    """
    if is_jpeg(data):
        refuse_too_many_pixels(image_size(data))
        bands_hwc = damage_as_value_error(lambda: _decode_jpeg_bands(data))
        return _turn_upright(bands_hwc, _jpeg_orientation(data))
    image = _open_checked_image(data)
    if image.format in {_TIFF, "WEBP"} and not image.has_transparency_data:
        return _decode_with_opencv(data, cv2.IMREAD_COLOR_RGB)
    bands_hwc = damage_as_value_error(lambda: _bands_of_image(image))
    refuse_colour_in_alpha(bands_hwc[..., 3:])
    return _turn_upright(bands_hwc, _exif_orientation(image))


def decode_indexes(data: bytes) -> LabelsHW:
    """Decode a mask to its pixel values; for a palette image, to the palette indexes.

    Raises:
        ValueError: as for an image, or it has more than one channel.
    """
    try:
        image = _open_checked_image(data)
    except LostBandsError as error:
        raise ValueError(f"has {error.bands}: {_MASK_FIX}") from error
    if len(image.getbands()) > 1:
        raise ValueError(f"has {len(image.getbands())} bands of 8 bits: {_MASK_FIX}")
    if image.format == _TIFF:
        return _decode_with_opencv(data, cv2.IMREAD_UNCHANGED)
    grey_step = _grey_step_of_png(image)
    return damage_as_value_error(lambda: np.array(image, dtype=np.uint8)) // grey_step


def decode_index_map(data: bytes) -> NDArray[Any]:
    """The same, in which a greyscale PNG may have 16 bits a pixel: uint8 or uint16 `[H, W]`."""
    if not is_deep_grey_png(data):
        return decode_indexes(data)
    plain = without_text(data)
    image = damage_as_value_error(lambda: PngImageFile(BytesIO(plain)))
    refuse_too_many_pixels(size_of_header(image))
    damage_as_value_error(image.verify)
    return damage_as_value_error(lambda: np.array(PngImageFile(BytesIO(plain)), dtype=np.uint16))


def decode_deep_png(data: bytes) -> NDArray[np.uint16]:
    """A PNG of 16 bits without its alpha, uint16 `[H, W, 1 or 3]`; raises ValueError as `decode_bands`."""
    if is_deep_grey_png(data):
        return np.asarray(decode_index_map(data)[..., None], dtype=np.uint16)
    plain = without_text(data)
    image = damage_as_value_error(lambda: PngImageFile(BytesIO(plain)))
    refuse_too_many_pixels(size_of_header(image))
    damage_as_value_error(image.verify)
    decoded = _decode_with_opencv(plain, cv2.IMREAD_UNCHANGED)
    has_colour = image.mode.startswith("RGB")
    return np.ascontiguousarray(decoded[..., 2::-1] if has_colour else decoded[..., :1], dtype=np.uint16)


def upright_size(data: bytes) -> tuple[int, int]:
    """Height and width in the EXIF orientation, by the header; raises ValueError as `decode_bands`."""
    height, width = image_size(data)
    orientation = _jpeg_orientation(data) if is_jpeg(data) else _exif_orientation(open_image(data))
    return (width, height) if orientation in _TRANSPOSED else (height, width)


def _open_checked_image(data: bytes) -> ImageFile:
    """An image that can be decoded: the only one, not too large, and a PNG's checksums are right."""
    image = open_image(data)
    refuse_too_many_pixels(size_of_header(image))
    refuse_several_images(image, data)
    if isinstance(image, PngImageFile):
        damage_as_value_error(image.verify)
        image = open_image(data)
    return image


def _decode_jpeg_bands(data: bytes) -> BandsHWC:
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB"))
    except ValueError as error:
        if _SURPLUS in str(error):
            return np.asarray(simplejpeg.decode_jpeg(data, "RGB", strict=False))
        if ODD_SUBSAMPLING in str(error):
            return _bands_of_image(open_image(data))
        raise


def _decode_with_opencv(data: bytes, mode: int) -> NDArray[Any]:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), mode)
    except cv2.error as error:
        raise ValueError(f"is cut off or damaged: {error.err.splitlines()[0]}") from error
    if decoded is None:
        raise ValueError("is cut off or damaged")
    return np.ascontiguousarray(decoded)


def _bands_of_image(image: Image.Image) -> BandsHWC:
    has_alpha = image.mode in {"LA", "La", "PA", "RGBA", "RGBa"}
    mode = "RGBA" if has_alpha else "RGB"
    return np.array(image if image.mode == mode else image.convert(mode))


def refuse_colour_in_alpha(alpha: NDArray[np.uint8]) -> None:
    """Refuse a fourth band that is not an alpha channel, by its values between clear and opaque.

    Raises:
        ValueError: most values lie between and vary, so the band has data that would be lost.
    """
    between = alpha[(alpha > 0) & (alpha < 255)]
    if 2 * between.size > alpha.size and between.min() < between.max():
        raise ValueError(
            f"has a fourth band with values {alpha.min()}..{alpha.max()}, which is not an alpha channel, and"
            " only red, green and blue can be read: save these three"
        )


def _jpeg_orientation(data: bytes) -> int:
    try:
        with_exif = b"Exif\0\0" in data[: data.index(b"\xff\xda")]
        return _exif_orientation(open_image(data)) if with_exif else _UPRIGHT
    except ValueError:
        # Pillow cannot parse the header, unlike libjpeg: there is no EXIF orientation.
        return _UPRIGHT


def _exif_orientation(image: ImageFile) -> int:
    """The EXIF orientation, 1 to 8; of a TIFF, which Pillow turns itself, 1."""
    if image.format == _TIFF:
        return _UPRIGHT
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        return int(exif.get(_ORIENTATION, _UPRIGHT))
    except Exception:
        # Damaged EXIF data are ignored, as the pixels are intact.
        return _UPRIGHT


def _turn_upright(pixels: BandsHWC, orientation: int) -> BandsHWC:
    """Turned as EXIF says; from 5 on rows and columns are swapped. Source: CIPA DC-008, "Orientation"."""
    if orientation in _TRANSPOSED:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _grey_step_of_png(image: ImageFile) -> int:
    """The step between grey values of a PNG with fewer than 8 bits, which Pillow scales to 0..255."""
    mode, _, bits = str(image.tile[0].args).partition(";")
    return 255 // (2 ** int(bits) - 1) if mode == "L" and bits in {"2", "4"} else 1
