"""COCO's results format: a list with an object for each image and class, masks as compressed run lengths.

An image without results has the unlabelled class everywhere.

Source: the COCO dataset's page on the format of results.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from pydantic import ValidationError

from seg.data import Sample
from seg.data.coco.coco_file import CocoRle
from seg.data.coco.rasterise import MaskHW, rasterise_to_mask
from seg.engine.passes.passes import Size
from seg.engine.submissions.base import LabelledImage, SizeOf
from seg.engine.submissions.coco.coco_ids import CocoIds, is_coco_id
from seg.engine.submissions.image_registry import ImageRegistry
from seg.errors import DataError
from seg.files.atomic import atomic_path
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.task import LabelMap, Task, classes_overlap, masks_of, pack_masks

_KEYS = ("image_id", "category_id", "segmentation")

_Entry = tuple[str, dict[str, Any]]
"""A result's position in the file, and the result."""


class CocoResults:
    """Every class of an image except the unlabelled one, with score 1."""

    def __init__(
        self, classes: Sequence[ClassInfo], unlabelled: str, samples: Sequence[Sample], task: Task
    ) -> None:
        self._classes = classes
        self._task = task
        names = [c.name for c in classes]
        self._background = names.index(unlabelled) if unlabelled in names else IGNORE_INDEX
        self._image_ids = [sample.id for sample in samples]
        self._coco_ids = CocoIds(samples)

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
            separator = "["
            for image in images:
                for entry in self._entries(image):
                    file.write(f"{separator}\n{json.dumps(entry)}")
                    separator = ","
            file.write("\n]\n" if separator == "," else "[]\n")

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        by_image: dict[str, list[_Entry]] = {}
        place_of: dict[str, int] = {}
        for number, entry in enumerate(_load_coco_results(path)):
            place = f"{path}: entry {number}"
            _check_coco_entry(place, entry)
            first = place_of.setdefault(json.dumps([entry[key] for key in _KEYS], sort_keys=True), number)
            if first != number:
                raise DataError(f"{place}: is entry {first} once more: remove one")
            image_id = self._coco_ids.to_image(place, entry["image_id"])
            by_image.setdefault(image_id, []).append((place, entry))
        registry = ImageRegistry(size_of)
        for image_id, entries in by_image.items():
            yield image_id, self._label_map(entries, registry.register(entries[0][0], image_id))
        for image_id in self._image_ids:
            if image_id not in by_image:
                yield image_id, self._label_map([], registry.register(str(path), image_id))

    def _label_map(self, entries: Sequence[_Entry], size_hw: Size) -> LabelMap:
        label_of_id = {c.id: label for label, c in enumerate(self._classes)}
        labels_hw = np.full(size_hw, self._background, dtype=np.uint8)
        masks_chw = np.zeros((len(self._classes), *size_hw), dtype=np.bool_)
        for place, entry in entries:
            if entry["category_id"] not in label_of_id:
                raise DataError(f"{place}: {entry['category_id']} is not a class id")
            label, mask_hw = label_of_id[entry["category_id"]], _mask_of_coco_entry(place, entry, size_hw)
            labels_hw[mask_hw] = label
            masks_chw[label] |= mask_hw
        return pack_masks(masks_chw) if classes_overlap(self._task) else labels_hw

    def _entries(self, image: LabelledImage) -> Iterator[dict[str, Any]]:
        image_id, labels_hw = image
        for label, mask_hw in self._masks(labels_hw):
            encoded = coco_mask.encode(np.asfortranarray(mask_hw, dtype=np.uint8))
            yield {
                "image_id": self._coco_ids.to_coco(image_id),
                "category_id": self._classes[label].id,
                "segmentation": {"size": encoded["size"], "counts": encoded["counts"].decode()},
                "score": 1.0,
                "bbox": coco_mask.toBbox(encoded).tolist(),
                "area": int(coco_mask.area(encoded)),
            }

    def _masks(self, labels_hw: LabelMap) -> Iterator[tuple[int, MaskHW]]:
        """The masks of the classes that an image has, one by one."""
        if classes_overlap(self._task):
            masks_chw = masks_of(labels_hw, self._task, len(self._classes))
            yield from ((label, mask_hw) for label, mask_hw in enumerate(masks_chw) if mask_hw.any())
            return
        for label in np.unique(labels_hw).tolist():
            if label not in (self._background, IGNORE_INDEX):
                yield label, labels_hw == label


def _check_coco_entry(place: str, entry: Any) -> None:
    """Raise DataError if a key is missing or an id has a wrong type."""
    if not isinstance(entry, dict) or not all(key in entry for key in _KEYS):
        raise DataError(f"{place}: needs all of {', '.join(_KEYS)}")
    if not isinstance(entry["category_id"], int):
        raise DataError(f"{place}: {entry['category_id']!r} is not a class id")
    if not is_coco_id(entry["image_id"]):
        raise DataError(f"{place}: {entry['image_id']!r} is not an image id")
    score = entry.get("score", 1.0)
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise DataError(f"{place}: its score is {score!r}: a finite number is expected")


def _mask_of_coco_entry(place: str, entry: dict[str, Any], size_hw: Size) -> MaskHW:
    """Decode with the size of the image, not the file's: a few bytes can claim a mask of a terabyte."""
    try:
        return rasterise_to_mask(CocoRle.model_validate(entry["segmentation"]), size_hw)
    except ValidationError as error:
        raise DataError(f"{place}: its segmentation is not an object with size and counts") from error
    except ValueError as error:
        raise DataError(f"{place}: {error}") from error


def _load_coco_results(path: Path) -> list[Any]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise DataError(f"{path}: is not a list of results")
    return entries
