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
from seg.data.importers.readers.shapes import patch_of, placed, rectangle, with_holes
from seg.data.regions.run_mask import RunMask
from seg.errors import DataError

_MOST_BYTES: Final = 2**26


def read_supervisely(source: Path, dropped: Dropped) -> ImportedDataset:
    file = source / "meta.json"
    meta = base.read_json(file)
    with base.parsing(file, "Supervisely"):
        names = [str(one["title"]) for one in meta["classes"]]
    annotations = sorted(source.glob("**/ann/**/*.json"))
    if not annotations:
        raise DataError(f"{source}: has no folder 'ann' of JSONs")
    return ImportedDataset(_images(source, annotations, dropped), base.numbered(names))


def _images(source: Path, annotations: list[Path], dropped: Dropped) -> Iterator[ImportedImage]:
    for file in annotations:
        parts = file.relative_to(source).parts
        at = parts.index("ann")
        # The JSON of `a.jpg` is `a.jpg.json`, in old projects `a.json`.
        folder = source.joinpath(*parts[:at], "img", *parts[at + 1 : -1])
        named = folder / file.stem
        image = named if named.is_file() else base.image_beside(folder / file.name)
        if image is None:
            dropped["JSON without its image"] += 1
            continue
        with base.parsing(file, "Supervisely"):
            size_hw = base.size_of(image)
            objects = [_object(one, size_hw, dropped) for one in base.read_json(file)["objects"]]
        yield ImportedImage(image, size_hw, [one for one in objects if one], base.split_of(parts[0]))


def _object(one: dict[str, Any], size_hw: tuple[int, int], dropped: Dropped) -> ImportedObject | None:
    shape: Polygons | RunMask | MaskHW
    kind = one.get("geometryType", "polygon")
    match kind:
        case "polygon":
            shape = with_holes(one["points"]["exterior"], one["points"].get("interior", []), size_hw)
        case "rectangle":
            (left, top), (right, bottom) = one["points"]["exterior"]
            shape = rectangle(left, top, right, bottom)
        case "bitmap":
            left, top = one["bitmap"]["origin"]
            shape = placed(_bitmap(one["bitmap"]["data"]), int(left), int(top), size_hw)
        case _:
            dropped[f"{kind}, which has no area"] += 1
            return None
    return ImportedObject(str(one["classTitle"]), shape)


def _bitmap(text: str) -> MaskHW:
    try:
        return patch_of(zlib.decompressobj().decompress(base64.b64decode(text), _MOST_BYTES))
    except zlib.error as error:
        raise ValueError(f"a bitmap is not compressed: {error}") from error
