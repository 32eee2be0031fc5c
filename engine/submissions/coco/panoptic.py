"""COCO's panoptic format without instances: a segment is all pixels of a class.

A folder with `panoptic.json` and a PNG for each image, whose colours are segment ids, R + 256 G + 65536 B;
a segment's id here is its label plus 1, and 0 is void.

Source: Kirillov, He, Girshick, Rother and Dollar, "Panoptic Segmentation", 2019, and the COCO dataset's
page on the format.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from seg.data import Sample
from seg.data.images.images import read_image, write_image
from seg.engine.submissions.base import LabelledImage, SizeOf
from seg.engine.submissions.coco.coco_ids import CocoIds, is_coco_id
from seg.engine.submissions.image_registry import ImageRegistry
from seg.engine.submissions.masks.check_size import check_header_size
from seg.errors import DataError
from seg.files.file_names import FileNames
from seg.files.outputs import output_folder
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX, LabelsHW

INDEX: Final = "panoptic.json"
_SUFFIX: Final = ".png"
VOID: Final = 0
"""The segment id of pixels without a class."""

_KINDS: Final = {"image_id": (str, int), "file_name": (str,), "segments_info": (list,)}


class CocoPanoptic:
    """All classes are stuff: one segment a class in each image."""

    def __init__(self, classes: Sequence[ClassInfo], samples: Sequence[Sample]) -> None:
        self._classes = classes
        self._coco_ids = CocoIds(samples)

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        annotations: list[dict[str, Any]] = []
        names = FileNames(_SUFFIX)
        with output_folder(path) as folder:
            for image_id, labels_hw in images:
                file_name = names.name_of(image_id)
                ids_hw3 = np.zeros((*labels_hw.shape, 3), dtype=np.uint8)
                ids_hw3[..., 0] = np.where(labels_hw == IGNORE_INDEX, 0, labels_hw + 1)
                write_image(folder / file_name, ids_hw3)
                annotations.append(self._annotation(image_id, file_name, labels_hw))
            categories = [
                {"id": c.id, "name": c.name, "isthing": 0, "color": list(c.colour)} for c in self._classes
            ]
            index = {"annotations": annotations, "categories": categories}
            (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        label_of = {c.id: label for label, c in enumerate(self._classes)}
        registry = ImageRegistry(size_of)
        for number, annotation in enumerate(_read_panoptic_annotations(path)):
            place = f"{path / INDEX}: annotation {number}"
            _check_panoptic_annotation(place, annotation)
            image_id = self._coco_ids.to_image(place, annotation["image_id"])
            size_hw = registry.register(place, image_id)
            file = _panoptic_png_of(path, annotation["file_name"])
            check_header_size(file, image_id, size_of)
            ids_hw3 = read_image(file).astype(np.int64)
            ids_hw = ids_hw3[..., 0] + 256 * ids_hw3[..., 1] + 65536 * ids_hw3[..., 2]
            registry.check_size(str(file), ids_hw, size_hw)
            labels_hw = np.full(ids_hw.shape, IGNORE_INDEX, dtype=np.uint8)
            segments = {segment["id"]: segment["category_id"] for segment in annotation["segments_info"]}
            for segment_id in np.unique(ids_hw[ids_hw != VOID]).tolist():
                if segment_id not in segments:
                    raise DataError(f"{file}: has the segment {segment_id}, which {INDEX} does not name")
            for segment_id, category_id in segments.items():
                if category_id not in label_of:
                    raise DataError(f"{place}: {category_id} is not a class id")
                labels_hw[ids_hw == segment_id] = label_of[category_id]
            yield image_id, labels_hw

    def _annotation(self, image_id: str, file_name: str, labels_hw: LabelsHW) -> dict[str, Any]:
        labels, areas = np.unique(labels_hw[labels_hw != IGNORE_INDEX], return_counts=True)
        segments = [
            {
                "id": label + 1,
                "category_id": self._classes[label].id,
                "area": area,
                "iscrowd": 0,
                "bbox": bbox,
            }
            for label, area in zip(labels.tolist(), areas.tolist(), strict=True)
            for bbox in [_bounding_box(labels_hw == label)]
        ]
        coco_id = self._coco_ids.to_coco(image_id)
        return {"image_id": coco_id, "file_name": file_name, "segments_info": segments}


def _check_panoptic_annotation(place: str, annotation: object) -> None:
    """Raise DataError if a key is missing or has a wrong type."""
    if (
        not isinstance(annotation, dict)
        or not all(isinstance(annotation.get(key), kinds) for key, kinds in _KINDS.items())
        or not is_coco_id(annotation["image_id"])
    ):
        raise DataError(f"{place}: needs all of {', '.join(_KINDS)}")
    for segment in annotation["segments_info"]:
        if not isinstance(segment, dict) or not all(
            isinstance(segment.get(key), int) for key in ("id", "category_id")
        ):
            raise DataError(f"{place}: a segment needs id and category_id")


def _panoptic_png_of(path: Path, file_name: str) -> Path:
    """The image file in the submission's folder; raises DataError if the name leads out of it."""
    file = path / file_name
    if not file.resolve().is_relative_to(path.resolve()):
        raise DataError(f"{path / INDEX}: {file_name!r} is not in its folder: name files in the folder")
    return file


def _bounding_box(mask_hw: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[int]:
    """The bounding box of a mask: left, top, width and height."""
    rows, columns = np.flatnonzero(mask_hw.any(1)), np.flatnonzero(mask_hw.any(0))
    top, left = int(rows[0]), int(columns[0])
    return [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1]


def _read_panoptic_annotations(path: Path) -> list[dict[str, Any]]:
    try:
        index = json.loads((path / INDEX).read_text(encoding="utf-8"))
        annotations: list[dict[str, Any]] = index["annotations"]
    except OSError as error:
        raise DataError(f"{path / INDEX}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path / INDEX}: is not an index of panoptic segments: {error!r}") from error
    if not isinstance(annotations, list):
        raise DataError(f"{path / INDEX}: its annotations are not a list")
    return annotations
