"""The GeoJSON format: a folder with a file for each image, of the outlines of what each class covers.

Coordinates are pixels, as QuPath has them; of a georeferenced image those of its coordinate system, which the
member `crs` names. Holes stay holes. Source: RFC 7946, and QuPath's export of annotations.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data.images.band_file import has_rasterio, silence_georeferencing_warnings
from seg.data.regions.label_raster import LabelRaster, mask_of_class, size_of_labels
from seg.distribution import install_advice
from seg.engine.passes.passes import Size
from seg.engine.submissions.base import LabelledImage, LabelsByRegion, SizeOf
from seg.engine.submissions.image_registry import ImageRegistry
from seg.engine.submissions.masks.geotiff import ImageOf
from seg.engine.submissions.masks.image_location import ImageLocation, location_of_image
from seg.errors import DataError, MissingRuntimeError
from seg.files.file_names import FileNames, id_of_file_name
from seg.files.outputs import output_folder
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.labels.task import LabelMap, Task, classes_overlap, pack_masks

SUFFIX: Final = ".geojson"
_ROWS_AT_ONCE: Final = 512
_BLOCK: Final = 256

Ring = NDArray[np.float64]
"""Corners, x and y in pixels, float64 `[N, 2]`; the first is also the last."""


class GeoJsonFolder:
    """Each image's outlines as `<id>.geojson`; pixels of the unlabelled class, or of none, have none."""

    def __init__(
        self,
        classes: Sequence[ClassInfo],
        unlabelled: str,
        image_of: ImageOf,
        simplify: float,
        task: Task,
        full_size_of: SizeOf | None = None,
    ) -> None:
        """Outlines of these classes.

        Args:
            full_size_of: the size of an image at its full resolution, if label maps are at another.

        Raises:
            MissingRuntimeError: rasterio is not installed.
        """
        if not has_rasterio():
            raise MissingRuntimeError(f"format geojson needs rasterio: {install_advice('geo')}")
        self._classes = classes
        names = [c.name for c in classes]
        self._background = names.index(unlabelled) if unlabelled in names else IGNORE_INDEX
        self._image_of = image_of
        self._simplify = simplify
        self._overlap = classes_overlap(task)
        self._full_size_of = full_size_of

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        self.write_by_region(path, images)

    def write_by_region(self, path: Path, images: Iterable[LabelsByRegion]) -> None:
        names = FileNames(SUFFIX)
        with output_folder(path) as folder:
            for image_id, labels in images:
                file = folder / names.name_of(image_id)
                file.parent.mkdir(parents=True, exist_ok=True)
                location = location_of_image(self._image_of(image_id))
                if self._full_size_of is not None:
                    location = location.in_size(size_of_labels(labels), self._full_size_of(image_id))
                with file.open("w", encoding="utf-8", newline="\n") as written:
                    written.write('{"type": "FeatureCollection",')
                    if location.crs:
                        crs = {"type": "name", "properties": {"name": location.crs}}
                        written.write(f' "crs": {json.dumps(crs)},')
                    written.write(' "features": [')
                    for number, feature in enumerate(self._features(labels, location)):
                        written.write(",\n" * (number > 0) + json.dumps(feature))
                    written.write("]}\n")

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        files = sorted(file for file in path.rglob(f"*{SUFFIX}") if file.is_file())
        if not files:
            raise DataError(f"{path}: has no GeoJSON")
        registry = ImageRegistry(size_of)
        for file in files:
            image_id = id_of_file_name(file.relative_to(path).as_posix().removesuffix(SUFFIX))
            size_hw = registry.register(str(file), image_id)
            yield image_id, self._draw(file, size_hw, location_of_image(self._image_of(image_id)))

    def _features(self, labels: LabelRaster, location: ImageLocation) -> Iterator[dict[str, Any]]:
        for rings, label in self._outlines(labels):
            c = self._classes[label]
            pixels = _area_of_ring(rings[0]) - sum(_area_of_ring(hole) for hole in rings[1:])
            properties: dict[str, Any] = {
                "objectType": "annotation",
                "classification": {"name": c.name, "color": list(c.colour)},
                "class_id": c.id,
                "pixels": round(pixels * location.pixels),
            }
            if location.area_name:
                properties[location.area_name] = round(pixels * location.pixel_area, 3)
            simple = [
                ring for ring in (_simplify_ring(ring, self._simplify) for ring in rings) if len(ring) > 3
            ]
            if simple:
                coordinates = [_ring_at_location(ring, location) for ring in simple]
                geometry = {"type": "Polygon", "coordinates": coordinates}
                yield {"type": "Feature", "geometry": geometry, "properties": properties}

    def _outlines(self, labels: LabelRaster) -> Iterator[tuple[list[Ring], int]]:
        """The outlines of all classes, where they overlap class by class."""
        if self._overlap:
            for bit in range(len(self._classes)):
                parts = _outlines_of_labels(mask_of_class(labels, bit))
                yield from ((rings, bit) for rings, is_class in parts if is_class)
            return
        bare = {self._background, IGNORE_INDEX}
        yield from ((rings, label) for rings, label in _outlines_of_labels(labels) if label not in bare)

    def _draw(self, file: Path, size_hw: Size, location: ImageLocation) -> LabelMap:
        label_of = {c.name: label for label, c in enumerate(self._classes)}
        try:
            features = json.loads(file.read_text(encoding="utf-8"))["features"]
            shapes = [
                (feature["geometry"], label_of[feature["properties"]["classification"]["name"]])
                for feature in features
            ]
            if not self._overlap:
                return _draw_outlines(shapes, self._background, size_hw, location)
            by_class = ([(ring, 1) for ring, label in shapes if label == bit] for bit in label_of.values())
            return pack_masks(np.stack([_draw_outlines(own, 0, size_hw, location) == 1 for own in by_class]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(
                f"{file}: has no outlines of these classes: {type(error).__name__}: {error}"
            ) from error


def _draw_outlines(
    shapes: Sequence[tuple[Any, int]], fill: int, size_hw: Size, location: ImageLocation
) -> LabelsHW:
    """Outlines with the value of each, and `fill` elsewhere."""
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    if not shapes:
        return np.full(size_hw, fill, dtype=np.uint8)
    drawn: LabelsHW = rasterize(
        shapes, size_hw, fill=fill, transform=location.transform or Affine.identity(), dtype=np.uint8
    )
    return drawn


def _outlines_of_labels(labels: LabelRaster) -> Iterator[tuple[list[Ring], int]]:
    """The outline and holes of each connected part of a class, along the edges of pixels, and its label."""
    from rasterio.features import shapes

    with _labels_as_rasterio_band(labels) as band:
        for geometry, value in shapes(band, connectivity=4):
            yield [np.array(ring, dtype=np.float64) for ring in geometry["coordinates"]], int(value)


@contextmanager
def _labels_as_rasterio_band(labels: LabelRaster) -> Iterator[Any]:
    """A label map for GDAL, which goes through it row by row: an array, or a file made of its strips."""
    import rasterio
    from rasterio.windows import Window

    if isinstance(labels, np.ndarray):
        yield labels
        return
    silence_georeferencing_warnings()
    height, width = size_of_labels(labels)
    layout = {"width": width, "height": height, "count": 1, "dtype": "uint8", "compress": "deflate"}
    tiles = {"tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK, "BIGTIFF": "IF_SAFER"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "labels.tif"
        with rasterio.open(file, "w", driver="GTiff", **layout, **tiles) as written:
            for top in range(0, height, _ROWS_AT_ONCE):
                rows_hw = labels[top : min(top + _ROWS_AT_ONCE, height), :]
                written.write(rows_hw, 1, window=Window(0, top, width, len(rows_hw)))
        with rasterio.open(file) as written:
            yield rasterio.band(written, 1)


def _area_of_ring(ring: Ring) -> float:
    """The area within a ring, in pixels, by the shoelace formula."""
    x, y = ring[:-1].T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _simplify_ring(ring: Ring, tolerance: float) -> Ring:
    """The ring with fewer corners, moved by at most the tolerance. Source: Douglas and Peucker, 1973."""
    if not tolerance:
        return ring
    kept = cv2.approxPolyDP(ring[:-1].astype(np.float32)[:, None], tolerance, closed=True)[:, 0]
    return np.concatenate([kept, kept[:1]]).astype(np.float64)


def _ring_at_location(ring: Ring, location: ImageLocation) -> list[list[float]]:
    if location.transform is None:
        return [[float(x), float(y)] for x, y in ring]
    return [list(location.transform @ (float(x), float(y))) for x, y in ring]
