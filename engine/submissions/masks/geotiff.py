"""The GeoTIFF format: a folder of georeferenced rasters with class ids or positions as pixel values."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seg.data.images.band_file import CACHE_BYTES, has_rasterio, silence_georeferencing_warnings
from seg.data.images.pyramid import TIFF_SUFFIXES, is_pyramid
from seg.data.images.raster import is_large
from seg.data.regions.label_raster import LabelRaster, size_of_labels
from seg.distribution import install_advice
from seg.engine.passes.passes import Size
from seg.engine.submissions.base import LabelledImage, LabelsByRegion, SizeOf
from seg.engine.submissions.image_registry import ImageRegistry
from seg.engine.submissions.masks.bit_values import BitValues
from seg.engine.submissions.masks.check_size import check_claimed_size
from seg.engine.submissions.masks.pixel_values import PixelTypes, PixelValues, ValuesHW
from seg.errors import DataError, MissingRuntimeError
from seg.files.file_names import FileNames, id_of_file_name
from seg.files.outputs import output_folder

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

ImageOf = Callable[[str], str]
"""The path or URI of an image by its id; raises DataError."""

CLASSES_TAG: Final = "CLASSES"
"""The tag with the classes' names by their pixel values, as a JSON object."""

_SUFFIX: Final = ".tif"
TYPES: Final[PixelTypes] = (np.uint8, np.uint16, np.int32)
MOST_BITS: Final = 32
_WITH_COLOURS: Final = (np.uint8, np.uint16)
_BLOCK: Final = 256
_ROWS_AT_ONCE: Final = 2 * _BLOCK
_LAYOUT: Final = {
    "driver": "GTiff",
    "count": 1,
    "compress": "deflate",
    "tiled": True,
    "blockxsize": _BLOCK,
    "blockysize": _BLOCK,
    "BIGTIFF": "IF_SAFER",
}


class GeoTiffFolder:
    """Each image's labels as `<id>.tif`, with the image's georeference and the classes' colours.

    A label map of another size than its image covers the same area.
    """

    def __init__(self, image_of: ImageOf, values: PixelValues | BitValues) -> None:
        """Raises MissingRuntimeError if rasterio is not installed."""
        require_rasterio()
        self._image_of = image_of
        self._values = values

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        self.write_by_region(path, images)

    def write_by_region(self, path: Path, images: Iterable[LabelsByRegion]) -> None:
        """Write each label map row of blocks by row of blocks; a large one with smaller copies of itself.

        A large image need not be georeferenced, since slides are not.
        """
        names = FileNames(_SUFFIX)
        with output_folder(path) as folder:
            for image_id, labels in images:
                file = folder / names.name_of(image_id)
                file.parent.mkdir(parents=True, exist_ok=True)
                place = georeference_of(self._image_of(image_id), size_of_labels(labels))
                self._write_one(file, image_id, labels, place)
                if is_large(size_of_labels(labels)):
                    _add_geotiff_overviews(file, size_of_labels(labels))

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        found = filter(Path.is_file, path.rglob("*"))
        files = sorted(file for file in found if file.suffix.lower() in TIFF_SUFFIXES)
        if not files:
            raise DataError(f"{path}: has no TIFFs")
        registry = ImageRegistry(size_of)
        for file in files:
            image_id = id_of_file_name(file.relative_to(path).as_posix().removesuffix(file.suffix))
            size_hw = registry.register(str(file), image_id)
            values_hw = _read_geotiff_values(file, image_id, size_of)
            registry.check_size(str(file), values_hw, size_hw)
            yield image_id, self._values.decode(str(file), values_hw)

    def _write_one(self, file: Path, image_id: str, labels: LabelRaster, place: dict[str, Any]) -> None:
        import rasterio
        from rasterio.windows import Window

        silence_georeferencing_warnings()
        values = self._values
        height, width = size_of_labels(labels)
        layout = {
            **_LAYOUT,
            "dtype": values.dtype.name,
            "nodata": values.void,
            "height": height,
            "width": width,
        }
        with rasterio.open(file, "w", **layout, **place) as written:
            if values.dtype in _WITH_COLOURS:
                written.write_colormap(1, values.colours)
            names = {value: c.name for value, c in values.classes.items()}
            written.update_tags(**{CLASSES_TAG: json.dumps(names)})
            for top in range(0, height, _ROWS_AT_ONCE):
                strip_hw = labels[top : min(top + _ROWS_AT_ONCE, height), :]
                window = Window(0, top, width, len(strip_hw))
                written.write(values.encode(image_id, strip_hw), 1, window=window)


def require_rasterio() -> None:
    """Raise MissingRuntimeError if rasterio is not installed."""
    if not has_rasterio():
        raise MissingRuntimeError(f"format geotiff needs rasterio: {install_advice('geo')}")


def check_georeferences(images: Iterable[str]) -> None:
    """Raise DataError for the first image whose labels could not be written as it has no georeference."""
    require_rasterio()
    for image in images:
        georeference_of(image, (1, 1))


def _add_geotiff_overviews(file: Path, size_hw: Size) -> None:
    """Add copies of a half, a quarter and so on of the size, down to that of a block, for viewers."""
    import rasterio
    from rasterio.enums import Resampling

    factors = [2**step for step in range(1, 16) if max(size_hw) // 2**step >= _BLOCK]
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES), rasterio.open(file, "r+") as written:
        written.build_overviews(factors, Resampling.nearest)


def georeference_of(image: str, size_hw: Size) -> dict[str, Any]:
    """The georeference of an image, for a raster of that size which covers the same area.

    Slides and other large images need none.

    Raises:
        DataError: the image cannot be read, or it is not georeferenced.
    """
    from rasterio.transform import Affine

    if is_pyramid(Path(image)):
        return {}
    with _open_geotiff(image) as dataset:
        across, down = dataset.width / size_hw[1], dataset.height / size_hw[0]
        points, system = dataset.gcps
        if points:
            for point in points:
                point.row, point.col = point.row / down, point.col / across
            return {"gcps": points, "crs": system}
        if dataset.transform.is_identity and is_large((dataset.height, dataset.width)):
            return {}
        if dataset.transform.is_identity:
            raise DataError(f"{image}: is not georeferenced: write the labels as format: png")
        one = dataset.transform
        finer = Affine(one.a * across, one.b * down, one.c, one.d * across, one.e * down, one.f)
        return {"crs": dataset.crs, "transform": finer}


def _read_geotiff_values(file: Path, image_id: str, size_of: SizeOf) -> ValuesHW:
    from rasterio.errors import RasterioError

    with _open_geotiff(str(file)) as dataset:
        if dataset.count != 1 or np.dtype(dataset.dtypes[0]).kind not in "iu":
            found = f"{dataset.count} bands of {', '.join(dict.fromkeys(dataset.dtypes))}"
            raise DataError(f"{file}: has {found}: a label map has one band of integers")
        check_claimed_size(file, image_id, (dataset.height, dataset.width), size_of)
        try:
            return np.asarray(dataset.read(1))
        except RasterioError as error:
            raise DataError(f"{file}: is truncated or damaged") from error


def _open_geotiff(place: str) -> "DatasetReader":
    import rasterio

    silence_georeferencing_warnings()
    try:
        return rasterio.open(place)
    except rasterio.errors.RasterioError as error:
        raise DataError(f"{place}: cannot be read as a raster: {error}") from error
