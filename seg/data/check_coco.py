"""What can be wrong inside a COCO JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from seg.data.coco import CocoAnnotation, CocoFile, CocoImage, CocoRle, rasterise, read_coco
from seg.data.findings import Finding
from seg.spec.base import did_you_mean

_OUTSIDE_TOLERANCE = 1.0
"""How many pixels a polygon may leave the image: annotation tools round to the edge."""


def coco_findings(path: Path, classes: Sequence[str]) -> Iterator[Finding]:
    """All findings in the file itself; images are not opened.

    Raises:
        DataError: the file cannot be read, or is not COCO at all.
    """
    coco = read_coco(path)
    file = str(path)
    yield from _category_findings(file, coco, classes)
    yield from _doubled_ids(file, coco)
    images = {image.id: image for image in coco.images}
    for annotation in coco.annotations:
        image = images.get(annotation.image_id)
        if image is None:
            problem = f"belongs to image {annotation.image_id}, which is not there"
            yield Finding(file, annotation.id, problem, "remove the annotation or add the image")
        else:
            yield from _shape_findings(file, annotation, image)
    annotated = {annotation.image_id for annotation in coco.annotations}
    for image in coco.images:
        if image.id not in annotated:
            problem = f"image {image.id} ({image.file_name}) has no annotation"
            yield Finding(file, None, problem, "annotate it, or leave it if nothing is on it")


def _category_findings(file: str, coco: CocoFile, classes: Sequence[str]) -> Iterator[Finding]:
    known = {category.id for category in coco.categories}
    for category in coco.categories:
        if category.name not in classes:
            problem = f"category {category.id} {category.name!r} is not a class"
            yield Finding(file, None, problem, did_you_mean(category.name, classes))
    for annotation in coco.annotations:
        if annotation.category_id not in known:
            problem = f"category {annotation.category_id} is not among the categories"
            yield Finding(file, annotation.id, problem, "add the category or mend the annotation")


def _doubled_ids(file: str, coco: CocoFile) -> Iterator[Finding]:
    for kind, ids in (
        ("image", [image.id for image in coco.images]),
        ("annotation", [annotation.id for annotation in coco.annotations]),
        ("category", [category.id for category in coco.categories]),
    ):
        for number, count in Counter(ids).items():
            if count > 1:
                problem = f"{kind} id {number} is used {count} times"
                yield Finding(file, None, problem, "give each its own id")


def _shape_findings(file: str, annotation: CocoAnnotation, image: CocoImage) -> Iterator[Finding]:
    try:
        mask_hw = rasterise(annotation, (image.height, image.width))
    except ValueError as error:
        yield Finding(file, annotation.id, str(error), "draw the object again or remove it")
        return
    if not mask_hw.any():
        yield Finding(file, annotation.id, "covers no pixel", "draw the object again or remove it")
    if not isinstance(annotation.segmentation, CocoRle):
        points = [p for one in annotation.segmentation for p in zip(one[::2], one[1::2], strict=True)]
        if any(_is_outside(x, y, image) for x, y in points):
            problem = f"leaves its image of {image.width}x{image.height}"
            yield Finding(file, annotation.id, problem, "clip the polygon; do width and height agree?")


def _is_outside(x: float, y: float, image: CocoImage) -> bool:
    across = -_OUTSIDE_TOLERANCE <= x <= image.width + _OUTSIDE_TOLERANCE
    down = -_OUTSIDE_TOLERANCE <= y <= image.height + _OUTSIDE_TOLERANCE
    return not (across and down)
