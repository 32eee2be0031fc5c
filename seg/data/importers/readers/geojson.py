"""GeoJSON outlines: a file for each image, in pixels or on Earth.

Source: RFC 7946, and QuPath's export. Coordinates are pixels, unless the image is georeferenced and they
leave it; then they are in the file's `crs`, by default in WGS 84. Points and lines are dropped.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seg.data.importers import base
from seg.data.importers.base import Dropped, ImportedDataset, ImportedImage, ImportedObject
from seg.data.importers.readers.georeference import ring_in_pixels
from seg.data.importers.readers.shapes import shape_with_holes
from seg.errors import DataError

_NAMES = ("classification", "name", "class", "label", "category", "type")


def read_geojson(source: Path, dropped: Dropped) -> ImportedDataset:
    """Read a folder of GeoJSON outlines, a file for each image.

    Counts in `dropped` what is not read.

    Raises:
        DataError: a file is missing or not of this format.
    """
    files = sorted(one for ending in ("*.geojson", "*.json") for one in source.rglob(ending))
    if not files:
        raise DataError(f"{source}: has no GeoJSON")
    return ImportedDataset(_geojson_images(source, files, dropped))


def _geojson_images(source: Path, files: Sequence[Path], dropped: Dropped) -> Iterator[ImportedImage]:
    images = {image.stem: image for image in base.images_by_stem(source).values()}
    for file in files:
        image = base.image_beside_annotation(file) or images.get(file.stem)
        document = base.read_annotation_json(file)
        if image is None:
            dropped["GeoJSON without an image of its name"] += 1
            continue
        with base.errors_of_format_named(file, "GeoJSON"):
            features = document if isinstance(document, list) else document["features"]
            crs = (
                None
                if isinstance(document, list)
                else document.get("crs", {}).get("properties", {}).get("name")
            )
            size_hw = base.size_of_imported_image(image)
            objects = [
                one for feature in features for one in _geojson_objects(feature, image, crs, size_hw, dropped)
            ]
        yield ImportedImage(image, size_hw, objects, base.import_split_of_path(image, source))


def _geojson_objects(
    feature: dict[str, Any], image: Path, crs: str | None, size_hw: tuple[int, int], dropped: Dropped
) -> Iterator[ImportedObject]:
    geometry = feature["geometry"] or {"type": "empty feature"}
    kind = geometry["type"]
    if kind not in ("Polygon", "MultiPolygon"):
        dropped[f"{kind}, which has no area"] += 1
        return
    name = _name_of_feature(feature.get("properties") or {})
    for rings in [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]:
        outer, *holes = [ring_in_pixels(ring, image, crs, size_hw) for ring in rings]
        yield ImportedObject(name, shape_with_holes(outer, holes, size_hw))


def _name_of_feature(properties: dict[str, Any]) -> str:
    """The class of a feature, or `object` where its properties name none."""
    found = next((properties[key] for key in _NAMES if properties.get(key)), "object")
    return str(found["name"] if isinstance(found, dict) else found)
