"""A split of a COCO JSON: polygons, run lengths and crowds become label maps.

Objects are painted by area, large first, so that small objects stay visible where they overlap, unless the
dataset's task lets classes overlap.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

from seg.data.coco.coco_file import CocoAnnotation, CocoCategory, ambiguities, read_coco
from seg.data.coco.painting import PaintedObject, paint, painted_object
from seg.data.coco.rasterise import rasterise
from seg.data.images.image_files import bytes_of, resolved
from seg.data.images.image_header import Size, image_size
from seg.data.labelling import Labelling, ReadLabelling
from seg.data.splits.split import samples_with_ids
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap, Task
from seg.spec.base import did_you_mean

LARGE: Final = 2**25
"""From this number of pixels on, the image's real size is read before its labels are drawn."""


class CocoSplit:
    """A COCO JSON and its images. Labels are rasterised when asked for, not before."""

    def __init__(self, annotations: Path, images: Path, read_labelling: ReadLabelling) -> None:
        self._path = annotations
        self._read_labelling = read_labelling
        self._coco = read_coco(annotations)
        for problem in ambiguities(self._coco.categories, self._coco.images):
            raise DataError(f"{annotations}: {problem}: give each its own")
        self._of_image: dict[int, list[CocoAnnotation]] = defaultdict(list)
        for annotation in self._coco.annotations:
            self._of_image[annotation.image_id].append(annotation)
        samples = samples_with_ids(images, [resolved(images, image.file_name) for image in self._coco.images])
        self.samples = tuple(
            replace(sample, coco_id=image.id, file_name=image.file_name)
            for sample, image in zip(samples, self._coco.images, strict=True)
        )

    @cached_property
    def _labelling(self) -> Labelling:
        return self._read_labelling()

    @property
    def task(self) -> Task:
        return self._labelling.task

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self._labelling.classes

    @cached_property
    def fingerprint(self) -> str:
        return hashlib.sha256(self._coco.model_dump_json().encode()).hexdigest()

    def labels(self, index: int) -> LabelMap:
        image = self._coco.images[index]
        if not self._coco.annotations:
            raise DataError(f"{self._path}: has no annotations: annotate its images to learn from them")
        size_hw = (image.height, image.width)
        refuse_false_size(self.samples[index].image, size_hw)
        objects = [self._object(annotation, size_hw) for annotation in self._of_image.get(image.id, ())]
        return paint(size_hw, objects, self._labelling)

    def _object(self, annotation: CocoAnnotation, size_hw: Size) -> PaintedObject:
        label = self._label_of.get(annotation.category_id)
        place = f"{self._path}: annotation {annotation.id}"
        if label is None:
            raise DataError(
                f"{place}: category {annotation.category_id} is not among the categories:"
                " add it or remove the annotation"
            )
        try:
            return painted_object(label, rasterise(annotation.segmentation, size_hw))
        except ValueError as error:
            raise DataError(f"{place}: {error}: draw the object again or remove it") from error

    @cached_property
    def _label_of(self) -> Mapping[int, int]:
        return labels_by_category(self._path, self._coco.categories, self.classes)


def refuse_false_size(image: Path, size_hw: Size) -> None:
    """Raise DataError if annotations claim a very large size that is not their image's.

    Otherwise a few bytes could make us allocate gigabytes.
    """
    height, width = size_hw
    if height * width <= LARGE:
        return
    try:
        real_hw = image_size(bytes_of(image))
    except ValueError as error:
        raise DataError(f"{image}: {error}") from error
    if sorted(real_hw) != sorted(size_hw):
        raise DataError(
            f"{image}: is {real_hw[1]}x{real_hw[0]}, its labels are {width}x{height}: bring both to one size"
        )


def labels_by_category(
    path: Path, categories: Sequence[CocoCategory], classes: Sequence[ClassInfo]
) -> Mapping[int, int]:
    """The label of each category id, found by the category's name; raises DataError for an unknown name."""
    label_of_name = {c.name: label for label, c in enumerate(classes)}
    for category in categories:
        if category.name not in label_of_name:
            raise DataError(
                f"{path}: category {category.id} {category.name!r} is not a class:"
                f" {did_you_mean(category.name, label_of_name)}"
            )
    return {category.id: label_of_name[category.name] for category in categories}
