"""Reading and writing images and index masks: whole and right, or one clear line."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.containers import as_greyscale_png, what_is_cut_off
from seg.errors import DataError
from seg.files import atomic_path
from seg.labels import ImageHWC, LabelsHW

IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


def read_image(path: Path) -> ImageHWC:
    """Decode an image to RGB, uint8 `[H, W, 3]`.

    Greyscale and palettes become RGB, 16 bits a channel become 8, an alpha channel is dropped, and
    the EXIF orientation is applied.

    Raises:
        DataError: the file is missing, empty, cut off, or no image.
    """
    return _decode(path, _whole_file(path), cv2.IMREAD_COLOR_RGB)


def read_mask(path: Path) -> LabelsHW:
    """Decode an index mask to its pixel values, uint8 `[H, W]`; of a palette PNG, the indexes.

    Raises:
        DataError: the file is missing, empty, cut off, no image, or not 8-bit with one channel.
    """
    data, bits = as_greyscale_png(_whole_file(path))
    mask = _decode(path, data, cv2.IMREAD_UNCHANGED)
    if mask.ndim != 2 or mask.dtype != np.uint8:
        shape = "x".join(map(str, mask.shape))
        raise DataError(f"{path}: a mask has one 8-bit channel, this is {shape} {mask.dtype}")
    steps = 255 // (2**bits - 1)
    return np.ascontiguousarray(mask // steps if steps > 1 else mask, dtype=np.uint8)


def write_image(path: Path, image_hwc: ImageHWC) -> None:
    """Encode an RGB image by the ending of `path`, atomically (JPEG at quality 92)."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix.lower() in {".jpg", ".jpeg"} else []
    _write(path, np.ascontiguousarray(image_hwc[..., ::-1]), quality)


def write_mask(path: Path, labels_hw: LabelsHW) -> None:
    """Encode a label map as an 8-bit greyscale PNG, atomically."""
    _write(path, labels_hw, [])


def images_in(folder: Path) -> list[Path]:
    """All image files below `folder`, sorted by path.

    Raises:
        DataError: the folder is missing, or holds no image.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder of images")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise DataError(f"{folder}: holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return found


def _whole_file(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if not data:
        raise DataError(f"{path}: is empty (0 bytes)")
    if missing := what_is_cut_off(data):
        raise DataError(f"{path}: is cut off: {missing}: copy it again")
    return data


def _decode(path: Path, data: bytes, mode: int) -> NDArray[np.uint8]:
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), mode)
    except cv2.error as error:
        raise DataError(f"{path}: cannot be decoded: {error.err}") from error
    finally:
        cv2.utils.logging.setLogLevel(level)
    if decoded is None:
        raise DataError(f"{path}: is not an image that can be decoded")
    return np.ascontiguousarray(decoded)


def _write(path: Path, pixels: NDArray[np.uint8], options: list[int]) -> None:
    encoded, data = cv2.imencode(path.suffix, pixels, options)
    if not encoded:
        raise DataError(f"{path}: cannot be encoded as {path.suffix}")
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())
