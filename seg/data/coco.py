"""COCO JSON as a split: polygons, run lengths and crowds in, label maps out.

Objects are painted by area, large first, so that small objects stay visible where they overlap.
Source: the COCO data format, https://cocodataset.org/#format-data.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seg.classes import ClassInfo
from seg.data.split import Sample, named
from seg.errors import DataError
from seg.labels import IGNORE_INDEX, LabelsHW

_COORDINATES_OF_A_TRIANGLE = 6


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class CocoImage(_Part):
    id: int
    file_name: str
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]


class CocoCategory(_Part):
    id: int
    name: str


class CocoRle(_Part):
    """Run lengths, column-major, zeros first: a list of counts, or COCO's compressed text."""

    size: tuple[int, int]
    counts: str | list[int]


class CocoAnnotation(_Part):
    id: int
    image_id: int
    category_id: int
    segmentation: list[list[float]] | CocoRle = []
    iscrowd: int = 0


class CocoFile(_Part):
    images: list[CocoImage]
    annotations: list[CocoAnnotation] = []
    categories: list[CocoCategory] = []


def read_coco(path: Path) -> CocoFile:
    """Parse a COCO JSON.

    Raises:
        DataError: the file cannot be read, is no JSON, or has a part that is not as COCO says.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: is not JSON: {error}") from error
    try:
        return CocoFile.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{path}: {_place(document, first['loc'])}: {first['msg']}") from error


def _place(document: Any, loc: Sequence[str | int]) -> str:
    """`annotations.3.image_id`, with the annotation's own id where it has one."""
    place = ".".join(map(str, loc))
    if len(loc) >= 2 and isinstance(loc[1], int):
        entry = document[loc[0]][loc[1]]
        if isinstance(entry, dict) and "id" in entry:
            place += f" (id {entry['id']})"
    return place


def rasterise(annotation: CocoAnnotation, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of one object, bool `[H, W]`.

    Raises:
        ValueError: the segmentation is malformed; the message says how, without file or id.
    """
    from pycocotools import mask as coco_mask

    height, width = size_hw
    shape = annotation.segmentation
    if isinstance(shape, CocoRle):
        if shape.size != size_hw:
            raise ValueError(f"its run lengths are for {shape.size}, the image is {size_hw}")
        if isinstance(shape.counts, str):
            rle = {"size": [height, width], "counts": shape.counts.encode()}
            return np.asarray(coco_mask.decode(rle), dtype=np.bool_)
        if sum(shape.counts) != height * width or min(shape.counts, default=0) < 0:
            raise ValueError(f"its counts sum to {sum(shape.counts)}, not {height * width} pixels")
        zeros_and_ones = np.arange(len(shape.counts)) % 2
        return np.repeat(zeros_and_ones, shape.counts).reshape(width, height).T.astype(np.bool_)
    for polygon in shape:
        if len(polygon) < _COORDINATES_OF_A_TRIANGLE or len(polygon) % 2:
            raise ValueError(f"a polygon has at least 3 points, x and y each, got {len(polygon)}")
    if not shape:
        return np.zeros(size_hw, dtype=np.bool_)
    parts = coco_mask.frPyObjects(shape, height, width)
    return np.asarray(coco_mask.decode(coco_mask.merge(parts)), dtype=np.bool_)


class CocoSplit:
    """A COCO JSON and its images. Labels are rasterised when asked for, not before."""

    def __init__(
        self,
        annotations: Path,
        images: Path,
        classes: tuple[ClassInfo, ...],
        unlabelled: int = IGNORE_INDEX,
    ) -> None:
        self.classes = classes
        self._path = annotations
        self._unlabelled = unlabelled
        coco = read_coco(annotations)
        self._images = coco.images
        self._label_of = _labels_by_category(annotations, coco.categories, classes)
        self._of_image: dict[int, list[CocoAnnotation]] = defaultdict(list)
        for annotation in coco.annotations:
            self._of_image[annotation.image_id].append(annotation)
        self.samples: tuple[Sample, ...] = named(images, [images / image.file_name for image in coco.images])
        self.fingerprint = hashlib.sha256(coco.model_dump_json().encode()).hexdigest()

    def labels(self, index: int) -> LabelsHW:
        image = self._images[index]
        size_hw = (image.height, image.width)
        objects = [(a, self._mask(a, size_hw)) for a in self._of_image[image.id]]
        labels_hw = np.full(size_hw, self._unlabelled, dtype=np.uint8)
        for annotation, mask_hw in sorted(objects, key=lambda o: -int(o[1].sum())):
            if annotation.category_id not in self._label_of:
                raise DataError(
                    f"{self._path}: annotation {annotation.id}: category {annotation.category_id}"
                    " is not among the categories: add it or remove the annotation"
                )
            labels_hw[mask_hw] = self._label_of[annotation.category_id]
        return labels_hw

    def _mask(self, annotation: CocoAnnotation, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
        try:
            return rasterise(annotation, size_hw)
        except ValueError as error:
            raise DataError(f"{self._path}: annotation {annotation.id}: {error}") from error


def _labels_by_category(
    path: Path, categories: Sequence[CocoCategory], classes: Sequence[ClassInfo]
) -> Mapping[int, int]:
    from seg.spec.base import did_you_mean

    label_of_name = {c.name: label for label, c in enumerate(classes)}
    for category in categories:
        if category.name not in label_of_name:
            raise DataError(
                f"{path}: category {category.id} {category.name!r} is not a class:"
                f" {did_you_mean(category.name, label_of_name)}"
            )
    return {category.id: label_of_name[category.name] for category in categories}
