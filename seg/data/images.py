"""Reading and writing images and index masks: whole and right, or one clear line."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.containers import for_decoder, for_index_decoder
from seg.errors import DataError, OutputError
from seg.files import atomic_path
from seg.labels import ImageHWC, LabelsHW

IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
_JPEG_QUALITY: Final = 92
_JPEG_SUFFIXES: Final = frozenset({".jpg", ".jpeg"})


def read_image(path: Path) -> ImageHWC:
    """Decode an image to RGB, uint8 `[H, W, 3]`.

    Greyscale and palettes become RGB, 16 bits a channel are scaled to 8, an alpha channel is dropped,
    and the EXIF orientation is applied. OpenCV's own log is silenced in the whole process: the
    DataError says what it would.

    Raises:
        DataError: the file is missing, empty, cut off, damaged, or no image.
    """
    return decode_image(bytes_of(path), path)


def decode_image(data: bytes, name: Path | str) -> ImageHWC:
    """The same for the contents of a file; `name` is what errors call it."""
    try:
        return _decode(for_decoder(data), cv2.IMREAD_COLOR_RGB)
    except ValueError as error:
        raise DataError(f"{name}: {error}") from error


def read_mask(path: Path) -> LabelsHW:
    """Decode an index mask to its pixel values, uint8 `[H, W]`; of a palette PNG, the indexes.

    Raises:
        DataError: as for an image, or it has not one channel of 8 bits at most.
    """
    data = bytes_of(path)
    try:
        plain, bits = for_index_decoder(data)
        mask = _decode(plain, cv2.IMREAD_UNCHANGED)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    if mask.ndim != 2 or mask.dtype != np.uint8:
        channels = 1 if mask.ndim == 2 else mask.shape[2]
        raise DataError(
            f"{path}: has {channels} channels of {8 * mask.itemsize} bits: a mask's pixel values are"
            " class ids: save it as 8-bit greyscale or with a palette"
        )
    return mask // _grey_step(bits)


def write_image(path: Path, image_hwc: ImageHWC) -> None:
    """Encode an RGB image by the ending of `path`, atomically (JPEG at quality 92).

    Raises:
        OutputError: the ending names no format that can be written.
    """
    is_jpeg = path.suffix.lower() in _JPEG_SUFFIXES
    options = (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY) if is_jpeg else ()
    _write(path, np.ascontiguousarray(image_hwc[..., ::-1]), options)


def write_mask(path: Path, labels_hw: LabelsHW) -> None:
    """Encode a label map as an 8-bit greyscale PNG, atomically."""
    if path.suffix.lower() != ".png":
        raise OutputError(f"{path}: a mask must keep its values: name it .png")
    _write(path, labels_hw, ())


def images_in(folder: Path) -> list[Path]:
    """All image files below `folder`, sorted by path; hidden ones are left out.

    Raises:
        DataError: the folder is missing, it or one below cannot be listed, or it holds no image.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder of images")
    found = sorted(
        path
        for path in _files_below(folder)
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )
    if not found:
        raise DataError(f"{folder}: holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return found


def _files_below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be listed: {error.strerror}") from error

    for parent, _, names in os.walk(folder, onerror=refuse):
        yield from (Path(parent, name) for name in names)


def bytes_of(path: Path) -> bytes:
    """The contents of a file.

    Raises:
        DataError: the file is missing, empty, or cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if not data:
        raise DataError(f"{path}: is empty (0 bytes)")
    return data


def _decode(data: bytes, mode: int) -> NDArray[np.uint8]:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), mode)
    except cv2.error as error:
        raise ValueError(f"cannot be decoded: {error.err.splitlines()[0]}") from error
    if decoded is None:
        raise ValueError("is not an image that can be decoded")
    return np.ascontiguousarray(decoded)


def _grey_step(bits: int) -> int:
    """How far apart decoded greys are when a pixel has fewer than 8 bits: they are spread over 0..255."""
    return 255 // (2**bits - 1) if bits < 8 else 1


def _write(path: Path, pixels: NDArray[np.uint8], options: Sequence[int]) -> None:
    try:
        encoded, data = cv2.imencode(path.suffix.lower(), pixels, options)
    except cv2.error:
        encoded = False
    if not encoded:
        raise OutputError(f"{path}: {path.suffix or 'no ending'} is no image format that can be written")
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())
