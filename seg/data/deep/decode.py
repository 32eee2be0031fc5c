"""Decode images of any bands and depth: PNG of 16 bits, TIFF, DICOM, npy, and all that have 8 bits."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import TiffImageFile

from seg.data.images.band_file import BandFile, has_rasterio, silence_georeferencing_warnings
from seg.data.images.decoding import decode_bands, decode_deep_png, upright_size
from seg.data.images.image_files import bytes_of_file
from seg.data.images.image_header import (
    Size,
    damage_as_value_error,
    is_deep_png,
    open_image,
    refuse_too_many_pixels,
)
from seg.data.images.pyramid import is_pyramid, open_pyramid
from seg.data.regions.region import Region
from seg.distribution import install_advice
from seg.errors import DataError
from seg.image_type import PIXEL_TYPES, ImageHWB, ImageType, PixelType, image_type_of

_TIFF: Final = (b"II", b"MM")
_NPY: Final = b"\x93NUMPY"
_DICOM: Final = b"DICM"
_DICOM_PLACE: Final = 128
_MOST_BANDS_BEFORE: Final = 32
_PNG_COLOUR: Final = 2
"""The bit of a PNG's colour type that says that it has colour."""
_ONE_BAND: Final = frozenset({"1", "L", "LA"})
"""Pillow's modes of greyscale."""


def decode_deep(data: bytes) -> ImageHWB:
    """All bands of an image, uint8, uint16 or float32 `[H, W, B]`; other numbers become float32.

    A DICOM's values are rescaled to its units. Nodata of a GeoTIFF is NaN.

    Raises:
        ValueError: the file is truncated, damaged, too large, or of no known format.
        DataError: a package is missing that reads it.
    """
    if data.startswith(_NPY):
        return with_band_axis(damage_as_value_error(lambda: np.load(BytesIO(data), allow_pickle=False)))
    if _is_dicom(data):
        return with_band_axis(_decode_dicom(data).astype(np.float32))
    if data.startswith(_TIFF):
        return _decode_tiff(data)
    if is_deep_png(data):
        return decode_deep_png(data)
    bands_hwc = decode_bands(data)
    return np.ascontiguousarray(bands_hwc[..., :1] if _is_grey(data) else bands_hwc[..., :3])


def read_deep(path: Path) -> ImageHWB:
    """`decode_deep` of a file; raises DataError with its name."""
    try:
        if is_pyramid(path):
            return _read_whole_bands(open_pyramid(path))
        return decode_deep(bytes_of_file(path))
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def header_of_deep(data: bytes) -> tuple[Size, ImageType]:
    """Height, width and type of an image as `decode_deep` returns it, by the header where one tells them.

    Raises:
        ValueError, DataError: as `decode_deep`.
    """
    if data.startswith(_TIFF) and has_rasterio():
        return damage_as_value_error(lambda: _header_by_rasterio(data))
    if is_deep_png(data):
        return _png_header(data)
    if data.startswith((_NPY, *_TIFF)) or _is_dicom(data):
        image_hwb = decode_deep(data)
        return image_hwb.shape[:2], image_type_of(image_hwb)
    return upright_size(data), ImageType("uint8", 1 if _is_grey(data) else 3)


def with_band_axis(values: NDArray[Any]) -> ImageHWB:
    """Numbers `[H, W]`, `[H, W, B]` or `[B, H, W]` as an image `[H, W, B]`; raises ValueError for others."""
    if values.dtype.kind not in "biuf":
        raise ValueError(f"has values of the type {values.dtype}: numbers are expected")
    if values.ndim not in {2, 3} or not values.size:
        raise ValueError(f"has the shape {list(values.shape)}: an image is [height, width, bands]")
    refuse_too_many_pixels((values.shape[0], values.shape[1]))
    image_hwb = values[..., None] if values.ndim == 2 else values
    if values.ndim == 3 and values.shape[0] <= _MOST_BANDS_BEFORE < min(values.shape[1:]):
        image_hwb = np.moveaxis(values, 0, -1)
    if values.dtype.kind == "b":
        return np.ascontiguousarray(image_hwb, np.uint8)
    is_kept = values.dtype.name in PIXEL_TYPES
    return np.ascontiguousarray(image_hwb, values.dtype.newbyteorder("=") if is_kept else np.float32)


def without_nodata(bands_bhw: NDArray[Any], nodata: Sequence[float | None]) -> ImageHWB:
    """Bands that rasterio read, `[B, H, W]`, as an image; what each band declares as nodata is NaN."""
    if all(value is None for value in nodata):
        return with_band_axis(np.moveaxis(bands_bhw, 0, -1))
    values_bhw = bands_bhw.astype(np.float32)
    for band, value in enumerate(nodata):
        if value is not None:
            values_bhw[band][bands_bhw[band] == value] = np.nan
    return np.ascontiguousarray(np.moveaxis(values_bhw, 0, -1))


def type_of_bands(dtypes: Sequence[str], nodata: Sequence[float | None]) -> ImageType:
    """The type of the image that `without_nodata` returns."""
    has_nodata = any(value is not None for value in nodata)
    wanted = "float32" if has_nodata else str(np.result_type(*dtypes))
    kept: PixelType = next((name for name in PIXEL_TYPES if name == wanted), "float32")
    return ImageType(kept, len(dtypes))


def _read_whole_bands(file: BandFile) -> ImageHWB:
    """A slide or an OME-TIFF, whole, at its full resolution."""
    refuse_too_many_pixels(file.size_hw)
    bands_bhw = file.read(range(1, file.bands + 1), Region.whole(file.size_hw))
    return without_nodata(bands_bhw, file.nodata)


def _is_dicom(data: bytes) -> bool:
    return data[_DICOM_PLACE : _DICOM_PLACE + len(_DICOM)] == _DICOM


def _is_grey(data: bytes) -> bool:
    return open_image(data).mode in _ONE_BAND


def _png_header(data: bytes) -> tuple[Size, ImageType]:
    """Source: PNG specification, section 11.2.1."""
    width, height = (int.from_bytes(data[place : place + 4]) for place in (16, 20))
    has_colour = data[25] & _PNG_COLOUR
    return (height, width), ImageType("uint16", 3 if has_colour else 1)


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


def _decode_tiff(data: bytes) -> ImageHWB:
    if not has_rasterio():
        image = damage_as_value_error(lambda: TiffImageFile(BytesIO(data)))
        refuse_too_many_pixels((image.height, image.width))
        return with_band_axis(damage_as_value_error(lambda: np.array(image)))
    return damage_as_value_error(lambda: _decode_by_rasterio(data))


def _decode_by_rasterio(data: bytes) -> ImageHWB:
    from rasterio.io import MemoryFile

    silence_georeferencing_warnings()
    with MemoryFile(data) as file, file.open() as dataset:
        refuse_too_many_pixels((dataset.height, dataset.width))
        return without_nodata(dataset.read(), dataset.nodatavals)


def _header_by_rasterio(data: bytes) -> tuple[Size, ImageType]:
    from rasterio.io import MemoryFile

    silence_georeferencing_warnings()
    with MemoryFile(data) as file, file.open() as dataset:
        return (dataset.height, dataset.width), type_of_bands(dataset.dtypes, dataset.nodatavals)
