"""Label Studio: the JSON export, with polygons, brushes, rectangles and ellipses, beside the images.

Source: Label Studio's pages on its JSON format and on the units of annotations (percent of the image). Key
points and boxes in videos are dropped, and annotations that were cancelled.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from seg.data.importers import base
from seg.data.importers.base import Dropped, ImportedDataset, ImportedImage, ImportedObject
from seg.data.importers.readers.brush import decode_brush
from seg.data.importers.readers.find import ImageFinder
from seg.data.importers.readers.shapes import ellipse_shape, polygon_shape, rectangle_shape, turned_shape
from seg.errors import DataError

_UPLOAD: Final = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of an uploaded file."""


def read_label_studio(source: Path, dropped: Dropped) -> ImportedDataset:
    """Read Label Studio's JSON export, or the JSON in a folder.

    Counts in `dropped` what is not read.

    Raises:
        DataError: a file is missing or not of this format.
    """
    file = next(iter(sorted(source.glob("*.json"))), source / "export.json") if source.is_dir() else source
    tasks = base.read_annotation_json(file)
    if not isinstance(tasks, list):
        raise DataError(f"{file}: is not a list of tasks: export as JSON, not as JSON-MIN or COCO")
    return ImportedDataset(_label_studio_images(file, tasks, dropped))


def _label_studio_images(file: Path, tasks: Sequence[Any], dropped: Dropped) -> Iterator[ImportedImage]:
    finder = ImageFinder(file.parent)
    for number, task in enumerate(tasks):
        with base.errors_of_format_named(file.with_name(f"{file.name}: task {number}"), "Label Studio"):
            places = [text for text in task["data"].values() if isinstance(text, str)]
            image = next(filter(None, (_image_at_label_studio_url(place, finder) for place in places)), None)
            if image is None:
                dropped["task whose image is not there"] += 1
                continue
            size_hw = base.size_of_imported_image(image)
            kept = [one for one in task["annotations"] if not one.get("was_cancelled")]
            results = [result for annotation in kept for result in annotation["result"]]
            objects = [_label_studio_object(result, size_hw, dropped) for result in results]
        yield ImportedImage(image, size_hw, [one for one in objects if one])


def _image_at_label_studio_url(place: str, finder: ImageFinder) -> Path | None:
    """The image at a URL of Label Studio: an upload, or a file of its local storage."""
    name = unquote(place.partition("?d=")[2] or place.partition("?")[0])
    return finder.find(name) or finder.find(_UPLOAD.sub("", name.rpartition("/")[2]))


def _label_studio_object(
    result: dict[str, Any], size_hw: tuple[int, int], dropped: Dropped
) -> ImportedObject | None:
    kind, value = result["type"], result["value"]
    if not value.get(kind) or kind not in (
        "polygonlabels",
        "rectanglelabels",
        "ellipselabels",
        "brushlabels",
    ):
        dropped[f"{kind} result"] += 1
        return None
    name = value[kind][0]
    if kind == "brushlabels":
        if (result["original_height"], result["original_width"]) != size_hw:
            raise ValueError(f"a brush for {result['original_width']}x{result['original_height']} pixels")
        return ImportedObject(name, decode_brush(value["rle"], size_hw))
    height, width = size_hw
    across, down = width / 100, height / 100
    if kind == "polygonlabels":
        return ImportedObject(name, polygon_shape((x * across, y * down) for x, y in value["points"]))
    x, y, degrees = value["x"] * across, value["y"] * down, value.get("rotation", 0)
    if kind == "rectanglelabels":
        box = rectangle_shape(x, y, x + value["width"] * across, y + value["height"] * down)
        return ImportedObject(name, turned_shape(box, degrees, x, y))
    return ImportedObject(
        name, ellipse_shape(x, y, value["radiusX"] * across, value["radiusY"] * down, degrees)
    )
