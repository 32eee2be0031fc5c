"""The pixel values of a mask file: PNG, TIFF, GIF, BMP, WebP, lossless JPEG 2000, JPEG or npy."""

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.TiffImagePlugin import TiffImageFile

from seg.data.images.decoding import decode_bands, decode_index_map
from seg.data.images.image_files import bytes_of_file
from seg.data.images.image_header import (
    LostBandsError,
    damage_as_value_error,
    is_jpeg,
    open_image,
    refuse_too_many_pixels,
)
from seg.errors import DataError

MaskValues = NDArray[Any]
"""Whole numbers `[H, W]`, or colours, uint8 `[H, W, 3]`."""

_OTHER_KINDS: Final[Mapping[bytes, type[ImageFile]]] = {
    b"GIF8": GifImageFile,
    b"\0\0\0\x0cjP  ": Jpeg2KImageFile,
    b"\xff\x4f\xff\x51": Jpeg2KImageFile,
}
"""Formats that only masks may have."""

_NPY: Final = b"\x93NUMPY"
_TIFF: Final = (b"II", b"MM")
_LARGEST: Final = 2**53
"""Beyond it floats are not exact."""

_ONE_BAND: Final = frozenset({"1", "L", "P", "I", "F", "I;16", "I;16B", "I;16L"})


def read_mask_values(path: Path, *, lossy: bool = False, palette: bool = False) -> MaskValues:
    """The pixel values of a mask; of a colour image, red, green and blue.

    Args:
        lossy: whether a JPEG is read, whose values are only near those that were saved.
        palette: whether the colours of a palette are read instead of its indexes.

    Raises:
        DataError: the file is missing, damaged, no mask, or lossy.
    """
    data = bytes_of_file(path)
    try:
        return _decode_mask_values(data, lossy=lossy, palette=palette)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _decode_mask_values(data: bytes, *, lossy: bool, palette: bool) -> MaskValues:
    if data.startswith(_NPY):
        return whole_number_mask(_decode_npy_mask(data))
    other = next((kind for sign, kind in _OTHER_KINDS.items() if data.startswith(sign)), None)
    if other:
        return _decode_mask_by_pillow(lambda: other(BytesIO(data)), palette=palette)
    if is_jpeg(data) and not lossy:
        raise ValueError(
            "is a JPEG, which changes pixel values: save masks as PNG, or set 'binary: 127' for black and"
            " white or 'tolerance' for colours"
        )
    try:
        mode = open_image(data).mode
    except LostBandsError:
        if data.startswith(_TIFF):
            return _decode_mask_by_pillow(lambda: TiffImageFile(BytesIO(data)), palette=palette)
        return decode_index_map(data)
    if mode not in _ONE_BAND or (mode == "P" and palette):
        return np.ascontiguousarray(decode_bands(data)[..., :3])
    return decode_index_map(data)


def _decode_mask_by_pillow(read: Callable[[], ImageFile], *, palette: bool) -> MaskValues:
    image = damage_as_value_error(read)
    if (frames := damage_as_value_error(lambda: getattr(image, "n_frames", 1))) > 1:
        raise ValueError(f"has {frames} pictures, and a mask has one: save each in a file of its own")
    refuse_too_many_pixels((image.height, image.width))
    if image.mode in _ONE_BAND and not (image.mode == "P" and palette):
        return whole_number_mask(damage_as_value_error(lambda: np.array(image)))
    return damage_as_value_error(lambda: np.array(image.convert("RGB")))


def _decode_npy_mask(data: bytes) -> NDArray[Any]:
    array: NDArray[Any] = damage_as_value_error(lambda: np.load(BytesIO(data), allow_pickle=False))
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    is_colour = array.ndim == 3 and array.shape[-1] == 3 and array.dtype == np.uint8
    if array.ndim != 2 and not is_colour:
        raise ValueError(
            f"has the shape {list(array.shape)}: a mask is [height, width]: save the class id of each pixel"
        )
    return array


def whole_number_mask(values: NDArray[Any]) -> MaskValues:
    """Values of any type as whole numbers; raises ValueError for fractions and negative values."""
    if values.dtype == np.bool_:
        return values.astype(np.uint8)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or (values != np.round(values)).any():
            raise ValueError("has fractions: a mask's pixel values are whole numbers: save class ids")
        if values.size and abs(values).max() > _LARGEST:
            raise ValueError(f"has the value {abs(values).max():g}, which is no class or instance")
        values = values.astype(np.int64)
    if values.dtype.kind not in "iu":
        raise ValueError(f"has values of the type {values.dtype}: a mask's pixel values are whole numbers")
    if values.size and values.min() < 0:
        raise ValueError(
            f"has the value {values.min()}: a mask's pixel values are 0 or more: save unlabelled ones as 255"
        )
    return values
