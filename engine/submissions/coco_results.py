"""COCO's results: a list with an object for each image and class, masks as compressed run lengths.

Source: the COCO dataset's page on the format of results. An id that is a number is written as one.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from pydantic import ValidationError

from seg.classes import ClassInfo
from seg.data.coco_file import CocoRle
from seg.data.rasterise import MaskHW, rasterise
from seg.engine.passes.passes import Size
from seg.engine.submissions.base import Labelled, SizeOf
from seg.engine.submissions.kaggle_rle import label_of
from seg.errors import DataError, OutputError
from seg.files import atomic_path
from seg.labels import IGNORE_INDEX

_KEYS = ("image_id", "category_id", "segmentation")


class CocoResults:
    """Every class that an image has, but the unlabelled one, with score 1."""

    def __init__(self, classes: Sequence[ClassInfo], unlabelled: str) -> None:
        self._classes = classes
        self._background = label_of(classes, unlabelled)

    def write(self, path: Path, images: Iterable[Labelled], sample: Path | None = None) -> None:
        try:
            with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
                separator = "["
                for image in images:
                    for entry in self._entries(image):
                        file.write(f"{separator}\n{json.dumps(entry)}")
                        separator = ","
                file.write("\n]\n" if separator == "," else "[]\n")
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error

    def read(self, path: Path, size_of: SizeOf) -> Iterator[Labelled]:
        by_image: dict[str, list[dict[str, Any]]] = {}
        for number, entry in enumerate(_load(path)):
            if not isinstance(entry, dict) or not all(key in entry for key in _KEYS):
                raise DataError(f"{path}: entry {number} lacks one of {', '.join(_KEYS)}")
            if not isinstance(entry["category_id"], int):
                raise DataError(f"{path}: entry {number}: {entry['category_id']!r} is no class id")
            by_image.setdefault(str(entry["image_id"]), []).append(entry)
        labels = {c.id: label for label, c in enumerate(self._classes)}
        for image_id, entries in by_image.items():
            size_hw = size_of(image_id)
            labels_hw = np.full(size_hw, IGNORE_INDEX, dtype=np.uint8)
            for entry in entries:
                if entry["category_id"] not in labels:
                    raise DataError(f"{path}: image {image_id}: {entry['category_id']} is no class id")
                labels_hw[_mask(path, image_id, entry, size_hw)] = labels[entry["category_id"]]
            labels_hw[labels_hw == IGNORE_INDEX] = self._background
            yield image_id, labels_hw

    def _entries(self, image: Labelled) -> Iterator[dict[str, Any]]:
        image_id, labels_hw = image
        present = [label for label in np.unique(labels_hw).tolist() if label != self._background]
        for label in present:
            encoded = coco_mask.encode(np.asfortranarray(labels_hw == label, dtype=np.uint8))
            yield {
                "image_id": int(image_id) if str(image_id).isdecimal() else image_id,
                "category_id": self._classes[label].id,
                "segmentation": {"size": encoded["size"], "counts": encoded["counts"].decode()},
                "score": 1.0,
                "bbox": coco_mask.toBbox(encoded).tolist(),
                "area": int(coco_mask.area(encoded)),
            }


def _mask(path: Path, image_id: str, entry: dict[str, Any], size_hw: Size) -> MaskHW:
    """Decoded by the size of the image: a few bytes of a file can say that a mask has a terabyte."""
    try:
        return rasterise(CocoRle.model_validate(entry["segmentation"]), size_hw)
    except ValidationError as error:
        raise DataError(f"{path}: image {image_id}: its segmentation is no size and counts") from error
    except ValueError as error:
        raise DataError(f"{path}: image {image_id}: {error}") from error


def _load(path: Path) -> list[Any]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise DataError(f"{path}: is no list of results")
    return entries
