"""Decode images of any bands and depth: PNG of 16 bits, TIFF, DICOM, npy, and all that have 8 bits."""

from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import TiffImageFile

from seg.data.images.decoding import decode_bands, decode_index_map, upright_size
from seg.data.images.image_header import damage_as_value_error, is_deep_grey_png, refuse_too_many_pixels
from seg.data.images.raster import has_rasterio, silence_georeferencing_warnings
from seg.distribution import install_advice
from seg.errors import DataError

DeepHWB = NDArray[Any]
"""Pixels of any type, `[H, W, B]`."""

_TIFF: Final = (b"II", b"MM")
_NPY: Final = b"\x93NUMPY"
_DICOM: Final = b"DICM"
_DICOM_PLACE: Final = 128
_MOST_BANDS_BEFORE: Final = 32


def decode_deep(data: bytes) -> DeepHWB:
    """All bands of an image; a DICOM's values are rescaled to its units, nodata of a GeoTIFF is NaN.

    Raises:
        ValueError: the file is truncated, damaged, too large, or of no known format.
        DataError: a package is missing that reads it.
    """
    if data.startswith(_NPY):
        return _with_bands(damage_as_value_error(lambda: np.load(BytesIO(data), allow_pickle=False)))
    if data[_DICOM_PLACE : _DICOM_PLACE + len(_DICOM)] == _DICOM:
        return _with_bands(_decode_dicom(data))
    if data.startswith(_TIFF):
        return _decode_tiff(data)
    if is_deep_grey_png(data):
        return _with_bands(decode_index_map(data))
    return decode_bands(data)[..., :3]


def deep_size(data: bytes) -> tuple[int, int]:
    """Height and width of an image of any bands and depth, as it is decoded; raises as `decode_deep`."""
    try:
        return upright_size(data)
    except ValueError:
        height, width, _ = decode_deep(data).shape
        return height, width


def _with_bands(values: NDArray[Any]) -> DeepHWB:
    """`[H, W]`, `[H, W, B]` or `[B, H, W]` as `[H, W, B]`."""
    if values.dtype.kind not in "biuf":
        raise ValueError(f"has values of the type {values.dtype}: numbers are expected")
    if values.ndim == 2:
        return values[..., None]
    if values.ndim != 3:
        raise ValueError(f"has the shape {list(values.shape)}: an image is [height, width, bands]")
    first = values.shape[0] <= _MOST_BANDS_BEFORE < min(values.shape[1:])
    return np.moveaxis(values, 0, -1) if first else values


def _decode_dicom(data: bytes) -> NDArray[Any]:
    try:
        import pydicom
        from pydicom.pixels.processing import apply_rescale
    except ImportError as error:
        raise DataError(f"DICOM files are read by pydicom: {install_advice('dicom')}") from error

    def read() -> NDArray[Any]:
        dataset = pydicom.dcmread(BytesIO(data))
        return np.asarray(apply_rescale(dataset.pixel_array, dataset))

    return damage_as_value_error(read)


def _decode_tiff(data: bytes) -> DeepHWB:
    if not has_rasterio():
        image = damage_as_value_error(lambda: TiffImageFile(BytesIO(data)))
        refuse_too_many_pixels((image.height, image.width))
        return _with_bands(damage_as_value_error(lambda: np.array(image)))
    return damage_as_value_error(lambda: _by_rasterio(data))


def _by_rasterio(data: bytes) -> DeepHWB:
    from rasterio.io import MemoryFile

    silence_georeferencing_warnings()
    with MemoryFile(data) as file, file.open() as dataset:
        refuse_too_many_pixels((dataset.height, dataset.width))
        bands_bhw = dataset.read()
        if dataset.nodata is not None:
            bands_bhw = np.where(bands_bhw == dataset.nodata, np.nan, bands_bhw.astype(np.float32))
        return np.ascontiguousarray(np.moveaxis(bands_bhw, 0, -1))
