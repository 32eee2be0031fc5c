"""Checks of a COCO JSON: ids, categories, polygons, run lengths, annotations without images."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from seg.data.check.findings import CheckedLabels, Finding, error_finding
from seg.data.coco.coco_file import (
    CocoAnnotation,
    CocoImage,
    CocoMistake,
    CocoRle,
    read_valid_coco_entries,
    repeated_ids_and_names,
)
from seg.data.coco.coco_split import labels_by_category
from seg.data.coco.rasterise import rasterise_to_runs
from seg.data.images.image_files import resolve_image_name
from seg.data.images.image_header import Size
from seg.data.images.raster import is_large
from seg.data.labelling import Labelling
from seg.data.regions.object_raster import LabelledRuns, ObjectRaster
from seg.data.regions.run_mask import RunMask
from seg.spec.base import did_you_mean

_OUTSIDE_TOLERANCE = 1.0
"""How many pixels a polygon may extend beyond the image: annotation tools round to the edge."""


class CocoCheck:
    """Checks a COCO JSON as a whole and image by image.

    Raises:
        DataError: the file cannot be read, or is not a COCO JSON at all.
    """

    def __init__(self, path: Path, images: Path, labelling: Labelling, *, labelled: bool) -> None:
        self._path = path
        self._coco, self._mistakes = read_valid_coco_entries(path)
        self._labelling = labelling
        self._labelled = labelled
        self._of_image: dict[int, list[CocoAnnotation]] = defaultdict(list)
        for annotation in self._coco.annotations:
            self._of_image[annotation.image_id].append(annotation)
        names = {c.name for c in labelling.classes}
        self._known = [category for category in self._coco.categories if category.name in names]
        self._label_of = labels_by_category(path, self._known, labelling.classes)
        self.images = [resolve_image_name(images, image.file_name) for image in self._coco.images]

    def findings(self) -> Iterator[Finding]:
        """Findings about the file as a whole, and entries that cannot be read."""
        yield from map(self._mistake, self._mistakes)
        for category in self._coco.categories:
            if self._labelling.classes and category not in self._known:
                problem = f"category {category.id} {category.name!r} is not a class"
                fix = did_you_mean(category.name, [c.name for c in self._labelling.classes])
                yield Finding("error", self._path, None, problem, fix)
        yield from self._repeated_ids()
        images = {image.id for image in self._coco.images}
        images |= {one.id for one in self._mistakes if one.part == "images" and isinstance(one.id, int)}
        for annotation in self._coco.annotations:
            if annotation.image_id not in images:
                problem = f"belongs to image {annotation.image_id}, which is not there"
                yield self._warning(annotation, problem, "remove the annotation or add the image")
        if self._labelled and not self._coco.categories:
            yield Finding("error", self._path, None, "has no categories", "name them")
        if self._labelled and not self._coco.annotations and not self._mistakes:
            problem = "has no annotations"
            yield Finding("error", self._path, None, problem, "annotate its images to learn from them")

    def check_labels(self, index: int, size_hw: Size | None) -> CheckedLabels:
        image = self._coco.images[index]
        claimed_hw = (image.height, image.width)
        if not self._coco.annotations or _too_large_to_draw(claimed_hw, size_hw):
            return CheckedLabels(claimed_hw)
        findings: list[Finding] = []
        objects = list(self._objects(image, findings))
        names = tuple(self._labelling.classes[one.label].name for one in objects)
        labels = ObjectRaster(claimed_hw, objects, self._labelling)
        return CheckedLabels(claimed_hw, labels, names, tuple(findings))

    def _objects(self, image: CocoImage, findings: list[Finding]) -> Iterator[LabelledRuns]:
        annotations = self._of_image.get(image.id, [])
        if not annotations and not any(mistake.part == "annotations" for mistake in self._mistakes):
            problem = f"image {image.id} ({image.file_name}) has no annotation"
            fix = "annotate it, or leave it if nothing is on it"
            findings.append(Finding("warning", self._path, None, problem, fix))
        ids = {category.id for category in self._coco.categories}
        for annotation in annotations:
            if annotation.category_id not in ids:
                problem = f"category {annotation.category_id} is not among the categories"
                fix = "add the category or remove the annotation"
                findings.append(Finding("error", self._path, annotation.id, problem, fix))
            try:
                runs = rasterise_to_runs(annotation.segmentation, (image.height, image.width))
            except ValueError as error:
                fix = "draw the object again or remove it"
                findings.append(error_finding(self._path, error, fix, annotation.id))
                continue
            findings += self._doubts(annotation, image, runs)
            if annotation.category_id in self._label_of:
                yield LabelledRuns(self._label_of[annotation.category_id], runs)

    def _doubts(self, annotation: CocoAnnotation, image: CocoImage, runs: RunMask) -> Iterator[Finding]:
        shape = annotation.segmentation
        if not shape:
            yield self._warning(annotation, "has no segmentation", "outline the object or remove it")
        elif not runs.area:
            yield self._warning(annotation, "covers no pixel", "draw the object again or remove it")
        if not isinstance(shape, CocoRle) and any(_is_outside_image(polygon, image) for polygon in shape):
            problem = f"leaves its image of {image.width}x{image.height}"
            yield self._warning(annotation, problem, "clip the polygon; do width and height agree?")

    def _repeated_ids(self) -> Iterator[Finding]:
        for problem in repeated_ids_and_names(self._coco.categories, self._coco.images):
            yield Finding("error", self._path, None, problem, "give each its own")
        for number, count in Counter(annotation.id for annotation in self._coco.annotations).items():
            if count > 1:
                problem = f"annotation id {number} is used {count} times"
                yield Finding("warning", self._path, None, problem, "give each its own")

    def _mistake(self, mistake: CocoMistake) -> Finding:
        fix = "write it as COCO has it, or remove it"
        if mistake.part == "annotations" and isinstance(mistake.id, int):
            return Finding("error", self._path, mistake.id, mistake.problem, fix)
        return Finding("error", self._path, None, f"{mistake.place}: {mistake.problem}", fix)

    def _warning(self, annotation: CocoAnnotation, problem: str, fix: str) -> Finding:
        return Finding("warning", self._path, annotation.id, problem, fix)


def _too_large_to_draw(claimed_hw: Size, size_hw: Size | None) -> bool:
    """Whether annotations claim a very large size that is not their image's; that is reported elsewhere."""
    return is_large(claimed_hw) and claimed_hw != size_hw


def _is_outside_image(polygon: list[float], image: CocoImage) -> bool:
    margin = _OUTSIDE_TOLERANCE
    across = all(-margin <= x <= image.width + margin for x in polygon[::2])
    down = all(-margin <= y <= image.height + margin for y in polygon[1::2])
    return not (across and down)
