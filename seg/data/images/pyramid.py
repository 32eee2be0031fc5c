"""Slides, OME-TIFFs, and the levels of both and of TIFFs with overviews, such as a COG."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from seg.data.images.band_file import (
    BandFile,
    RasterFile,
    has_palette,
    has_rasterio,
    silence_georeferencing_warnings,
)
from seg.data.regions.region import Region, Size
from seg.data.slides.ome_tiff import OmeImage, is_ome
from seg.data.slides.openslide_file import SlideFile, is_slide, open_slide, slide_level_sizes
from seg.distribution import install_advice
from seg.errors import DataError

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

TIFF_SUFFIXES: Final = frozenset({".tif", ".tiff"})
_DESCRIPTION: Final = "TIFFTAG_IMAGEDESCRIPTION"


class ChannelFile:
    """Channels that are pages of their own, as the bands of one file."""

    palette: NDArray[np.uint8] | None = None

    def __init__(self, pages: Sequence[RasterFile]) -> None:
        self._pages = pages
        self.size_hw = pages[0].size_hw
        self.bands = len(pages)
        self.dtypes = tuple(page.dtypes[0] for page in pages)
        self.nodata = tuple(page.nodata[0] for page in pages)
        self.rows_of_a_block = pages[0].rows_of_a_block

    def read_sampled(self, size_hw: Size) -> NDArray[Any]:
        return np.concatenate([page.read_sampled(size_hw) for page in self._pages])

    def read(self, bands: Sequence[int], region: Region) -> NDArray[Any]:
        return np.concatenate([self._pages[band - 1].read((1,), region) for band in bands])


def is_pyramid(path: Path) -> bool:
    """Whether a file is a slide or an OME-TIFF by its name: these are opened here, whatever their size."""
    return is_slide(path) or is_ome(path)


def open_pyramid(path: Path, level: int = 0) -> BandFile:
    """Open a level of a slide, an OME-TIFF, or a TIFF with overviews.

    Raises:
        DataError: the file cannot be read, or a package is missing that reads it.
    """
    if is_slide(path):
        return SlideFile(path, level)
    pages = read_ome(path).pages if is_ome(path) else (1,)
    files = [RasterFile(path, open_tiff_level(path, page, level)) for page in pages]
    if any(file.size_hw != files[0].size_hw for file in files):
        raise DataError(f"{path}: its channels have different sizes: save each as a file of its own")
    return files[0] if len(files) == 1 else ChannelFile(files)


def sizes_of_levels(path: Path) -> tuple[Size, ...]:
    """Height and width of each level, the full resolution first; empty for a file of one size."""
    if is_slide(path):
        return slide_level_sizes(open_slide(path))
    if path.suffix.lower() not in TIFF_SUFFIXES or not has_rasterio():
        return ()
    page = read_ome(path).pages[0] if is_ome(path) else 1
    with open_tiff_level(path, page) as dataset:
        count = 0 if has_palette(dataset) else len(dataset.overviews(1))
        full_hw = dataset.height, dataset.width
    return (full_hw, *(_size_of_level(path, page, level) for level in range(1, count + 1))) if count else ()


def read_ome(path: Path) -> OmeImage:
    """The channels and pixels of an OME-TIFF, by its description; raises DataError."""
    with open_tiff_level(path) as dataset:
        return OmeImage.of_xml(path, dataset.tags().get(_DESCRIPTION, ""))


def _size_of_level(path: Path, page: int, level: int) -> Size:
    with open_tiff_level(path, page, level) as dataset:
        return dataset.height, dataset.width


def open_tiff_level(path: Path | str, page: int = 1, level: int = 0) -> "DatasetReader":
    """Open a page of a TIFF, which may be at a URI, and a level of it; raises DataError."""
    if not has_rasterio():
        raise DataError(f"{path}: its levels are read by rasterio: {install_advice('geo')}")
    import rasterio

    silence_georeferencing_warnings()
    name = str(path) if page == 1 else f"GTIFF_DIR:{page}:{path}"
    levels = {"overview_level": level - 1} if level else {}
    try:
        return rasterio.open(name, driver="GTiff", **levels)
    except rasterio.errors.RasterioError as error:
        if not Path(path).exists():
            raise DataError(f"{path}: there is no such file") from error
        raise DataError(
            f"{path}: is cut off or damaged: page {page}, level {level} cannot be read"
        ) from error
