"""labelme: a JSON beside each image.

Source: labelme's label_file.py. Lines and points have no area and are dropped.
"""

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from seg.data.coco.rasterise import MaskHW
from seg.data.importers import base
from seg.data.importers.base import Dropped, ImportedDataset, ImportedImage, ImportedObject, Polygons
from seg.data.importers.readers.shapes import (
    ellipse_shape,
    mask_in_whole_image,
    mask_of_base64,
    polygon_shape,
    rectangle_shape,
)
from seg.errors import DataError


def read_labelme(source: Path, dropped: Dropped) -> ImportedDataset:
    """Read a folder of labelme's JSONs, or one of them.

    Counts in `dropped` what is not read.

    Raises:
        DataError: a file is missing or not of this format.
    """
    files = sorted(source.rglob("*.json")) if source.is_dir() else [source]
    if not files:
        raise DataError(f"{source}: has no JSON of labelme")
    folder = source if source.is_dir() else source.parent
    return ImportedDataset(_labelme_images(folder, files, dropped))


def _labelme_images(folder: Path, files: list[Path], dropped: Dropped) -> Iterator[ImportedImage]:
    for file in files:
        document = base.read_annotation_json(file)
        if not isinstance(document, dict) or "shapes" not in document:
            dropped["JSON without shapes"] += 1
            continue
        with base.errors_of_format_named(file, "labelme"):
            named = file.parent / PurePosixPath(str(document.get("imagePath")).replace("\\", "/"))
            image = named if named.is_file() else base.image_beside_annotation(file)
            if image is None:
                dropped["JSON without its image"] += 1
                continue
            claimed_hw = document.get("imageHeight"), document.get("imageWidth")
            size_hw = base.size_of_labelled_image(image, claimed_hw)
            objects = [_labelme_object(shape, size_hw, dropped) for shape in document["shapes"]]
        yield ImportedImage(
            image, size_hw, [one for one in objects if one], base.import_split_of_path(file, folder)
        )


def _labelme_object(
    shape: dict[str, Any], size_hw: tuple[int, int], dropped: Dropped
) -> ImportedObject | None:
    kind, points = shape.get("shape_type") or "polygon", shape["points"]
    outline: Polygons | MaskHW
    match kind:
        case "polygon":
            outline = polygon_shape(points)
        case "rectangle":
            (left, top), (right, bottom) = points[0], points[-1 if len(points) == 2 else 2]
            outline = rectangle_shape(left, top, right, bottom)
        case "circle":
            (x, y), edge = points
            radius = math.dist((x, y), edge)
            outline = ellipse_shape(x, y, radius, radius)
        case "mask":
            left, top = points[0]
            outline = mask_in_whole_image(mask_of_base64(shape["mask"]), round(left), round(top), size_hw)
        case _:
            dropped[f"{kind}, which has no area"] += 1
            return None
    return ImportedObject(str(shape["label"]), outline)
