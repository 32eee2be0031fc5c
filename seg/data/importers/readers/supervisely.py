"""Supervisely: a project with meta.json, and datasets with `img` and `ann`.

Source: Supervisely's page on its annotation format. Lines and points are dropped.
"""

import base64
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from seg.data.coco.rasterise import MaskHW
from seg.data.importers import base
from seg.data.importers.base import Dropped, ImportedDataset, ImportedImage, ImportedObject, Polygons
from seg.data.importers.readers.shapes import (
    mask_in_whole_image,
    mask_of_png,
    rectangle_shape,
    shape_with_holes,
)
from seg.data.regions.run_mask import RunMask
from seg.errors import DataError

_MOST_BYTES: Final = 2**26


def read_supervisely(source: Path, dropped: Dropped) -> ImportedDataset:
    """Read a Supervisely project: `meta.json`, and datasets with `img` and `ann`.

    Counts in `dropped` what is not read.

    Raises:
        DataError: a file is missing or not of this format.
    """
    file = source / "meta.json"
    meta = base.read_annotation_json(file)
    with base.errors_of_format_named(file, "Supervisely"):
        names = [str(one["title"]) for one in meta["classes"]]
    annotations = sorted(source.glob("**/ann/**/*.json"))
    if not annotations:
        raise DataError(f"{source}: has no folder 'ann' of JSONs")
    return ImportedDataset(
        _supervisely_images(source, annotations, dropped), base.number_imported_classes(names)
    )


def _supervisely_images(source: Path, annotations: list[Path], dropped: Dropped) -> Iterator[ImportedImage]:
    for file in annotations:
        parts = file.relative_to(source).parts
        at = parts.index("ann")
        # The JSON of `a.jpg` is `a.jpg.json`, in old projects `a.json`.
        folder = source.joinpath(*parts[:at], "img", *parts[at + 1 : -1])
        named = folder / file.stem
        image = named if named.is_file() else base.image_beside_annotation(folder / file.name)
        if image is None:
            dropped["JSON without its image"] += 1
            continue
        with base.errors_of_format_named(file, "Supervisely"):
            document = base.read_annotation_json(file)
            drawn_on = document.get("size") or {}
            claimed_hw = drawn_on.get("height"), drawn_on.get("width")
            size_hw = base.size_of_labelled_image(image, claimed_hw)
            objects = [_supervisely_object(one, size_hw, dropped) for one in document["objects"]]
        yield ImportedImage(image, size_hw, [one for one in objects if one], base.import_split_of(parts[0]))


def _supervisely_object(
    one: dict[str, Any], size_hw: tuple[int, int], dropped: Dropped
) -> ImportedObject | None:
    shape: Polygons | RunMask | MaskHW
    kind = one.get("geometryType", "polygon")
    match kind:
        case "polygon":
            shape = shape_with_holes(one["points"]["exterior"], one["points"].get("interior", []), size_hw)
        case "rectangle":
            (left, top), (right, bottom) = one["points"]["exterior"]
            shape = rectangle_shape(left, top, right, bottom)
        case "bitmap":
            left, top = one["bitmap"]["origin"]
            shape = mask_in_whole_image(
                _supervisely_bitmap(one["bitmap"]["data"]), int(left), int(top), size_hw
            )
        case _:
            dropped[f"{kind}, which has no area"] += 1
            return None
    return ImportedObject(str(one["classTitle"]), shape)


def _supervisely_bitmap(text: str) -> MaskHW:
    try:
        return mask_of_png(zlib.decompressobj().decompress(base64.b64decode(text), _MOST_BYTES))
    except zlib.error as error:
        raise ValueError(f"a bitmap is not compressed: {error}") from error
