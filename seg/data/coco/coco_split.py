"""A split of a COCO JSON: polygons, run lengths and crowds become label maps.

Objects are painted by area, large first, so that small objects stay visible where they overlap, unless the
dataset's task lets classes overlap.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from seg.data.coco.coco_file import CocoAnnotation, CocoCategory, read_coco, repeated_ids_and_names
from seg.data.coco.painting import PaintedObject, paint_objects, painted_object
from seg.data.coco.rasterise import rasterise_to_mask, rasterise_to_runs
from seg.data.images.image_files import resolve_image_name
from seg.data.images.image_header import Size
from seg.data.images.raster import is_large
from seg.data.images.read_sample import size_of_sample
from seg.data.labelling import ReadLabelling, WithLabelling
from seg.data.regions.label_raster import LabelRaster
from seg.data.regions.object_raster import LabelledRuns, ObjectRaster
from seg.data.splits.split import Sample, samples_with_ids
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap
from seg.spec.base import did_you_mean

Drawn = TypeVar("Drawn")


class CocoSplit(WithLabelling):
    """A COCO JSON and its images. Labels are rasterised when asked for, not before."""

    def __init__(self, annotations: Path, images: Path, read_labelling: ReadLabelling) -> None:
        self._path = annotations
        super().__init__(read_labelling)
        self._coco = read_coco(annotations)
        for problem in repeated_ids_and_names(self._coco.categories, self._coco.images):
            raise DataError(f"{annotations}: {problem}: give each its own")
        self._of_image: dict[int, list[CocoAnnotation]] = defaultdict(list)
        for annotation in self._coco.annotations:
            self._of_image[annotation.image_id].append(annotation)
        samples = samples_with_ids(
            images, [resolve_image_name(images, image.file_name) for image in self._coco.images]
        )
        self.samples = tuple(
            replace(sample, coco_id=image.id, file_name=image.file_name)
            for sample, image in zip(samples, self._coco.images, strict=True)
        )

    @cached_property
    def fingerprint(self) -> str:
        return hashlib.sha256(self._coco.model_dump_json().encode()).hexdigest()

    def labels(self, index: int) -> LabelMap:
        def painted(annotation: CocoAnnotation, size_hw: Size) -> PaintedObject:
            return painted_object(
                self._label(annotation), rasterise_to_mask(annotation.segmentation, size_hw)
            )

        size_hw, objects = self._objects(index, painted)
        return paint_objects(size_hw, objects, self._labelling)

    def open_labels(self, index: int) -> LabelRaster:
        def runs(annotation: CocoAnnotation, size_hw: Size) -> LabelledRuns:
            return LabelledRuns(self._label(annotation), rasterise_to_runs(annotation.segmentation, size_hw))

        image = self._coco.images[index]
        if not is_large((image.height, image.width)):
            return self.labels(index)
        size_hw, objects = self._objects(index, runs)
        return ObjectRaster(size_hw, objects, self._labelling)

    def _objects(self, index: int, draw: Callable[[CocoAnnotation, Size], Drawn]) -> tuple[Size, list[Drawn]]:
        """The size of an image, and its objects drawn; raises DataError."""
        image = self._coco.images[index]
        if not self._coco.annotations:
            raise DataError(f"{self._path}: has no annotations: annotate its images to learn from them")
        size_hw = (image.height, image.width)
        refuse_false_coco_size(self.samples[index], size_hw)
        objects = []
        for annotation in self._of_image.get(image.id, ()):
            try:
                objects.append(draw(annotation, size_hw))
            except ValueError as error:
                raise DataError(
                    f"{self._place(annotation)}: {error}: draw the object again or remove it"
                ) from error
        return size_hw, objects

    def _label(self, annotation: CocoAnnotation) -> int:
        label = self._label_of.get(annotation.category_id)
        if label is None:
            raise DataError(
                f"{self._place(annotation)}: category {annotation.category_id} is not among the categories:"
                " add it or remove the annotation"
            )
        return label

    def _place(self, annotation: CocoAnnotation) -> str:
        return f"{self._path}: annotation {annotation.id}"

    @cached_property
    def _label_of(self) -> Mapping[int, int]:
        return labels_by_category(self._path, self._coco.categories, self.classes)


def refuse_false_coco_size(sample: Sample, size_hw: Size) -> None:
    """Raise DataError if annotations claim a very large size that is not their image's.

    Otherwise a few bytes could make us allocate gigabytes.
    """
    if not is_large(size_hw):
        return
    height, width = size_hw
    real_hw = size_of_sample(sample)
    if sorted(real_hw) != sorted(size_hw):
        raise DataError(
            f"{sample.image}: is {real_hw[1]}x{real_hw[0]}, its labels are {width}x{height}: bring both"
            " to one size"
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
