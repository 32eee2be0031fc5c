"""VGG Image Annotator (VIA) 1 and 2: annotations as JSON or CSV, or projects, and the images in their folder.

Source: the code of VIA 2.0 (`pack_via_metadata`, `_via_draw_ellipse`). Polylines and points are dropped.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from seg.data.importers import base
from seg.data.importers.base import Dropped, ImportedDataset, ImportedImage, ImportedObject, Polygons
from seg.data.importers.readers.find import ImageFinder
from seg.data.importers.readers.shapes import ellipse_shape, polygon_shape, rectangle_shape
from seg.data.tables.table_rows import read_csv_lines
from seg.errors import DataError

_CLASS_ATTRIBUTES: Final = ("class", "class_name", "classification", "label", "name", "category", "type")
_CSV_COLUMNS: Final = ("filename", "file_size", "region_shape_attributes", "region_attributes")
_WITHOUT_ATTRIBUTES: Final = "object"
"""The class of regions that have no attribute, as of a dataset of one class."""


@dataclass(frozen=True, slots=True)
class _ViaImage:
    """An image as a file describes it: its regions are shapes with attributes."""

    file: Path
    name: str
    regions: list[tuple[dict[str, Any], dict[str, Any]]]


def read_via(source: Path, dropped: Dropped) -> ImportedDataset:
    """Read an export or project of VIA, or all below a folder.

    Counts in `dropped` what is not read.

    Raises:
        DataError: a file is missing or not of this format, or which attribute is the class is not known.
    """
    is_folder = source.is_dir()
    files = sorted([*source.rglob("*.json"), *source.rglob("*.csv")]) if is_folder else [source]
    described = [image for file in files for image in _images_of_via_file(file, dropped)]
    if not described:
        raise DataError(f"{source}: has no JSON or CSV with images of the VGG Image Annotator 1 or 2")
    attribute = _class_attribute(source, described)
    folder = source if is_folder else source.parent
    return ImportedDataset(_via_images(folder, described, attribute, dropped))


def _images_of_via_file(file: Path, dropped: Dropped) -> list[_ViaImage]:
    is_csv = file.suffix.lower() == ".csv"
    images = _images_of_via_csv(file) if is_csv else _images_of_via_json(file)
    dropped[f"{'CSV' if is_csv else 'JSON'} without regions of VIA"] += not images
    return images


def _images_of_via_json(file: Path) -> list[_ViaImage]:
    """The images of a JSON; none if it is of something else."""
    document = base.read_annotation_json(file)
    with base.errors_of_format_named(file, "VIA"):
        entries = document.get("_via_img_metadata", document) if isinstance(document, dict) else {}
        if not any(isinstance(entry, dict) and "regions" in entry for entry in entries.values()):
            return []
        return [
            _ViaImage(file, entry["filename"], _regions_of_json(entry["regions"]))
            for entry in entries.values()
        ]


def _regions_of_json(regions: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    # VIA 1 numbers them in a mapping.
    listed = regions.values() if isinstance(regions, dict) else regions
    return [(dict(one["shape_attributes"]), dict(one["region_attributes"])) for one in listed]


def _images_of_via_csv(file: Path) -> list[_ViaImage]:
    """The images of a CSV with a row for each region; none if it is of something else."""
    lines = read_csv_lines(file)
    # VIA 1 writes its header as a comment.
    header = [name.lstrip("#") for name in next(lines, (0, []))[1]]
    if not set(_CSV_COLUMNS) <= set(header):
        return []
    columns = [header.index(name) for name in _CSV_COLUMNS]
    images: dict[tuple[str, str], _ViaImage] = {}
    for number, row in lines:
        name, size, shape, attributes = (row[column] for column in columns)
        image = images.setdefault((name, size), _ViaImage(file, name, []))
        with base.errors_of_format_named(file.with_name(f"{file.name}:{number}"), "VIA"):
            if drawn := json.loads(shape or "{}"):
                image.regions.append((dict(drawn), dict(json.loads(attributes or "{}"))))
    return list(images.values())


def _class_attribute(source: Path, described: Sequence[_ViaImage]) -> str | None:
    """The attribute with the class: the only one, or the only one named so; None if there is none at all."""
    attributes = [attributes for image in described for _, attributes in image.regions]
    names = list(dict.fromkeys(name for one in attributes for name in one))
    if not names:
        return None
    usual = [name for name in names if name.lower() in _CLASS_ATTRIBUTES]
    named_class = [name for name in names if name == "class"]
    certain = next((found for found in (names, named_class, usual) if len(found) == 1), None)
    if certain is None:
        raise DataError(
            f"{source}: its regions have the attributes {', '.join(map(repr, names))}, and which is the class"
            " is not known: rename that to 'class' in the file"
        )
    if not any(_classes_of_value(one.get(certain[0])) for one in attributes):
        raise DataError(
            f"{source}: no region has a value of {certain[0]!r}, which is its class: give each one"
        )
    return certain[0]


def _classes_of_value(value: Any) -> list[str]:
    """The classes in a text, or those that are ticked in check boxes."""
    ticked = [name for name, is_ticked in value.items() if is_ticked] if isinstance(value, dict) else [value]
    return [text for one in ticked if one is not None and (text := str(one).strip())]


def _via_images(
    folder: Path, described: Sequence[_ViaImage], attribute: str | None, dropped: Dropped
) -> Iterator[ImportedImage]:
    finder = ImageFinder(folder)
    read: dict[Path, _ViaImage] = {}
    for one in described:
        with base.errors_of_format_named(Path(f"{one.file}: {one.name!r}"), "VIA"):
            # Of images of the same name, that of the file's own folder.
            image = finder.find(f"{one.file.parent.relative_to(folder).as_posix()}/{one.name}")
            if image is None:
                dropped["image that is not there, or not the only one of its name"] += 1
                continue
            first = read.setdefault(image, one)
            if first.regions != one.regions:
                raise DataError(
                    f"{one.file}: has other regions of {image} than {first.file}: import one of the files, or"
                    " remove what is old"
                )
            if first is not one:
                continue
            size_hw = base.size_of_imported_image(image)
            objects = [found for region in one.regions for found in _via_objects(*region, attribute, dropped)]
        yield ImportedImage(image, size_hw, objects, base.import_split_of_path(image, folder))


def _via_objects(
    shape: dict[str, Any], attributes: dict[str, Any], attribute: str | None, dropped: Dropped
) -> list[ImportedObject]:
    """A region as an object of each of its classes."""
    outline = _via_outline(shape)
    if outline is None:
        dropped[f"{shape['name']}, which has no area"] += 1
        return []
    names = [_WITHOUT_ATTRIBUTES] if attribute is None else _classes_of_value(attributes.get(attribute))
    dropped["region without a class"] += not names
    return [ImportedObject(name, outline) for name in names]


def _via_outline(shape: dict[str, Any]) -> Polygons | None:
    """The outline of a shape; None of one without area."""
    match shape["name"]:
        case "polygon":
            return polygon_shape(zip(shape["all_points_x"], shape["all_points_y"], strict=True))
        case "rect":
            left, top, width, height = _numbers_of_shape(shape, "x", "y", "width", "height")
            return rectangle_shape(left, top, left + width, top + height)
        case "circle":
            x, y, radius = _numbers_of_shape(shape, "cx", "cy", "r")
            return ellipse_shape(x, y, radius, radius)
        case "ellipse":
            x, y, across, down = _numbers_of_shape(shape, "cx", "cy", "rx", "ry")
            return ellipse_shape(x, y, across, down, math.degrees(shape.get("theta", 0)))
        case _:
            return None


def _numbers_of_shape(shape: dict[str, Any], *names: str) -> list[float]:
    return [float(shape[name]) for name in names]
