"""CVAT for images 1.1: one XML with all images.

Source: CVAT's page on its XML annotation format. Lines, points and tracks of videos are dropped.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring

import numpy as np

from seg.data.coco.rasterise import MaskHW
from seg.data.images.image_files import bytes_of_file
from seg.data.importers import base
from seg.data.importers.base import Dropped, ImportedDataset, ImportedImage, ImportedObject, Polygons
from seg.data.importers.readers.find import ImageFinder
from seg.data.importers.readers.shapes import (
    ellipse_shape,
    mask_in_whole_image,
    polygon_shape,
    rectangle_shape,
    turned_shape,
)
from seg.errors import DataError


def read_cvat(source: Path, dropped: Dropped) -> ImportedDataset:
    """Read CVAT's XML for images, or the XML in a folder.

    Counts in `dropped` what is not read.

    Raises:
        DataError: a file is missing or not of this format.
    """
    file = next(iter(sorted(source.glob("*.xml"))), source / "annotations.xml") if source.is_dir() else source
    try:
        root = fromstring(bytes_of_file(file))
    except (ParseError, LookupError, ValueError) as error:
        raise DataError(f"{file}: is not XML: {error}") from error
    dropped["track of a video"] += len(root.findall("track"))
    names = [label.text or "" for label in root.findall(".//labels/label/name")]
    return ImportedDataset(_cvat_images(file, root, dropped), base.number_imported_classes(names))


def _cvat_images(file: Path, root: Element, dropped: Dropped) -> Iterator[ImportedImage]:
    finder = ImageFinder(file.parent)
    for entry in root.iter("image"):
        with base.errors_of_format_named(file, "CVAT"):
            image = finder.find(entry.attrib["name"])
            if image is None:
                dropped["image that is not there"] += 1
                continue
            size_hw = base.size_of_labelled_image(image, (entry.get("height"), entry.get("width")))
            objects = [_cvat_object(one, size_hw, dropped) for one in entry if one.tag != "tag"]
        yield ImportedImage(
            image,
            size_hw,
            [one for one in objects if one],
            base.import_split_of(entry.get("subset", "train")),
        )


def _cvat_object(one: Element, size_hw: tuple[int, int], dropped: Dropped) -> ImportedObject | None:
    outline: Polygons | MaskHW
    match one.tag:
        case "polygon":
            outline = polygon_shape(
                [float(x) for x in pair.split(",")] for pair in one.attrib["points"].split(";")
            )
        case "box":
            left, top, right, bottom = (float(one.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
            box = rectangle_shape(left, top, right, bottom)
            outline = turned_shape(box, float(one.get("rotation", 0)), (left + right) / 2, (top + bottom) / 2)
        case "ellipse":
            x, y, across, down = (float(one.attrib[key]) for key in ("cx", "cy", "rx", "ry"))
            outline = ellipse_shape(x, y, across, down, float(one.get("rotation", 0)))
        case "mask":
            left, top, width, height = (
                int(float(one.attrib[key])) for key in ("left", "top", "width", "height")
            )
            counts = [int(count) for count in one.attrib["rle"].split(",")]
            patch = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(height, width)
            outline = mask_in_whole_image(patch, left, top, size_hw)
        case _:
            dropped[f"{one.tag}, which has no area"] += 1
            return None
    return ImportedObject(one.attrib["label"], outline)
