"""A folder of GeoTIFFs: the label of each pixel, where on Earth the image says that it lies."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seg.classes import ClassInfo
from seg.data.windows import TIFF_SUFFIXES, has_rasterio, quiet_about_missing_places
from seg.engine.passes.passes import Size
from seg.engine.submissions.atomic_folder import atomic_folder, refuse_false_size
from seg.engine.submissions.base import Labelled, SizeOf
from seg.errors import DataError, MissingRuntimeError
from seg.labels import LabelsHW

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

ImageOf = Callable[[str], str]
"""The path or URI of an image by its id; raises DataError."""

CLASSES_TAG: Final = "CLASSES"
"""The tag with the names of the labels, as a JSON list."""

_BLOCK: Final = 256
_LAYOUT: Final = {
    "driver": "GTiff",
    "count": 1,
    "dtype": "uint8",
    "compress": "deflate",
    "tiled": True,
    "blockxsize": _BLOCK,
    "blockysize": _BLOCK,
    "BIGTIFF": "IF_SAFER",
}


class GeoTiffFolder:
    """Each image's labels as `<id>.tif`, with its coordinate system and place, and the classes' colours.

    Where a label map has another size than its image it covers the same ground.
    """

    def __init__(self, classes: Sequence[ClassInfo], image_of: ImageOf) -> None:
        """Raises MissingRuntimeError where rasterio is not installed."""
        if not has_rasterio():
            raise MissingRuntimeError("format geotiff needs rasterio: pip install 'seg[geo]'")
        self._classes = classes
        self._image_of = image_of

    def write(self, path: Path, images: Iterable[Labelled], sample: Path | None = None) -> None:
        with atomic_folder(path) as folder:
            for image_id, labels_hw in images:
                file = folder / f"{image_id}.tif"
                file.parent.mkdir(parents=True, exist_ok=True)
                self._write_one(file, labels_hw, place_of(self._image_of(image_id), labels_hw.shape))

    def read(self, path: Path, size_of: SizeOf) -> Iterator[Labelled]:
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in TIFF_SUFFIXES)
        if not files:
            raise DataError(f"{path}: has no TIFFs")
        for file in files:
            image_id = file.relative_to(path).with_suffix("").as_posix()
            yield image_id, _labels_of(file, image_id, size_of)

    def _write_one(self, file: Path, labels_hw: LabelsHW, place: dict[str, Any]) -> None:
        import rasterio

        height, width = labels_hw.shape
        with rasterio.open(file, "w", height=height, width=width, **_LAYOUT, **place) as written:
            written.write_colormap(1, {label: c.colour for label, c in enumerate(self._classes)})
            written.update_tags(**{CLASSES_TAG: json.dumps([c.name for c in self._classes])})
            written.write(labels_hw, 1)


def place_of(image: str, size_hw: Size) -> dict[str, Any]:
    """Coordinate system and place of an image, for a raster of that size which covers the same ground.

    Raises:
        DataError: the image cannot be read, or does not say where it lies.
    """
    from rasterio.transform import Affine

    with _opened(image) as dataset:
        across, down = dataset.width / size_hw[1], dataset.height / size_hw[0]
        points, system = dataset.gcps
        if points:
            for point in points:
                point.row, point.col = point.row / down, point.col / across
            return {"gcps": points, "crs": system}
        if dataset.transform.is_identity:
            raise DataError(f"{image}: does not say where on Earth it lies: write the labels as format: png")
        one = dataset.transform
        finer = Affine(one.a * across, one.b * down, one.c, one.d * across, one.e * down, one.f)
        return {"crs": dataset.crs, "transform": finer}


def _labels_of(file: Path, image_id: str, size_of: SizeOf) -> LabelsHW:
    from rasterio.errors import RasterioError

    with _opened(str(file)) as dataset:
        if dataset.count != 1 or dataset.dtypes != ("uint8",):
            said = f"{dataset.count} bands of {', '.join(dict.fromkeys(dataset.dtypes))}"
            raise DataError(f"{file}: has {said}: a label map has one of uint8")
        refuse_false_size(file, image_id, (dataset.height, dataset.width), size_of)
        try:
            return np.asarray(dataset.read(1), dtype=np.uint8)
        except RasterioError as error:
            raise DataError(f"{file}: is cut off or damaged") from error


def _opened(place: str) -> "DatasetReader":
    import rasterio

    quiet_about_missing_places()
    try:
        return rasterio.open(place)
    except rasterio.errors.RasterioError as error:
        raise DataError(f"{place}: cannot be read as a raster: {error}") from error
