"""Writing an imported dataset: a COCO JSON for each split, and a dataset YAML."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from pycocotools import mask as coco_mask

from seg.data.coco.rasterise import rasterise_to_runs, runs_as_coco
from seg.data.deep.suggest_range import suggest_pixel_range
from seg.data.division.suggest_val import suggest_val
from seg.data.importers.base import Dropped, ImportedDataset, ImportedImage, ImportedObject
from seg.data.importers.formats import Format, importer_of
from seg.errors import DataError
from seg.files.outputs import Output, output_folder
from seg.labels.classes import is_background
from seg.spec.dataset.class_entry import UNLABELLED_IGNORED

YAML_NAME: Final = "dataset.yaml"
_SPLITS: Final = ("train", "val", "predict")
_DIGITS: Final = 10
"""From this length on, a name of digits is not taken for an id."""


@dataclass(slots=True)
class ImportReport:
    """What was written, images and objects of each split, and what was left out."""

    images: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    classes: Mapping[str, int] = field(default_factory=dict)
    dropped: Dropped = field(default_factory=Counter)


def import_dataset(name: Format, source: Path, target: Path, *, overwrite: bool = False) -> ImportReport:
    """Read a dataset in another format and write it as COCO, in a new folder; images stay where they are.

    Raises:
        DataError: the source is not in that format, or has no image or class.
        OutputError: the target is there and was not written by seg, or holds the source.
    """
    output = Output(target, (source,), overwrite, is_folder=True)
    output.check()
    report = ImportReport()
    dataset = importer_of(name)(source, report.dropped)
    with output.writing() as final, output_folder(final) as folder:
        images = _collect_imported_images(dataset, folder, final, report)
        if not images:
            raise DataError(f"{source}: has no image that {name} labels")
        report.classes = _ids_of_imported_classes(dataset, images)
        if not report.classes:
            raise DataError(f"{source}: has no object with a class")
        for split in images:
            _write_imported_coco(folder / f"{split}.json", images[split], report.classes)
        text = _yaml_of_import(name, dataset, images, report)
        (folder / YAML_NAME).write_text(text, encoding="utf-8", newline="\n")
    report.dropped = +report.dropped
    return report


@dataclass(frozen=True, slots=True)
class _ImportedEntry:
    """An image as COCO has it, with its objects by class name, and where it is now."""

    path: Path
    image: dict[str, Any]
    objects: Sequence[tuple[str, dict[str, Any]]]


def _collect_imported_images(
    dataset: ImportedDataset, folder: Path, final: Path, report: ImportReport
) -> dict[str, list[_ImportedEntry]]:
    """Every image with its objects as COCO has them, by split; images without files are written."""
    images: dict[str, list[_ImportedEntry]] = defaultdict(list)
    for image in dataset.images:
        path, place = image.path, os.path.relpath(image.path.absolute(), final.absolute())
        if image.content is not None:
            place = f"images/{image.path.name}"
            (folder / "images").mkdir(exist_ok=True)
            path = folder / place
            path.write_bytes(image.content)
        height, width = image.size_hw
        described = {"file_name": Path(place).as_posix(), "height": height, "width": width}
        objects = [found for one in image.objects if (found := _object_as_coco(one, image, report.dropped))]
        images[image.split].append(_ImportedEntry(path, described, objects))
        report.images[image.split] += 1
        report.objects[image.split] += len(objects)
    return images


def _object_as_coco(
    one: ImportedObject, image: ImportedImage, dropped: Dropped
) -> tuple[str, dict[str, Any]] | None:
    """An object as COCO has it; None if it covers no pixel, or its outline is none."""
    try:
        encoded = _encode_imported_object(one, image)
    except ValueError:
        dropped["outline with too few points, or far outside the image"] += 1
        return None
    area = int(coco_mask.area(encoded))
    if not area:
        dropped["object without a pixel"] += 1
        return None
    segmentation = one.shape if isinstance(one.shape, list) else encoded
    bbox = coco_mask.toBbox(encoded).tolist()
    return one.name, {"segmentation": segmentation, "area": area, "bbox": bbox, "iscrowd": 0}


def _encode_imported_object(one: ImportedObject, image: ImportedImage) -> dict[str, Any]:
    """The pixels of an object as COCO's compressed run lengths; raises ValueError where it is no outline."""
    size_hw = image.size_hw
    if isinstance(one.shape, np.ndarray):
        if one.shape.shape != tuple(size_hw):
            raise DataError(f"{image.path}: is {size_hw}, its mask {one.shape.shape} (height, width)")
        encoded = coco_mask.encode(np.asfortranarray(one.shape, dtype=np.uint8))
        return {"size": list(encoded["size"]), "counts": encoded["counts"].decode()}
    runs = rasterise_to_runs(one.shape, size_hw) if isinstance(one.shape, list) else one.shape
    return runs_as_coco(runs, size_hw)


def _ids_of_imported_classes(
    dataset: ImportedDataset, images: dict[str, list[_ImportedEntry]]
) -> dict[str, int]:
    """Ids by name: of the classes that the format lists, and of others that objects have.

    Of these, a number is its own id, and names have the next free ones.
    """
    used = {name for entries in images.values() for entry in entries for name, _ in entry.objects}
    id_of = dict(dataset.classes)
    unlisted = sorted(used - id_of.keys())
    own_ids = {name: int(name) for name in unlisted if name.isdecimal() and len(name) < _DIGITS}
    for name in sorted(unlisted, key=lambda name: own_ids.get(name, -1)):
        own = own_ids.get(name)
        is_free = own is not None and own not in id_of.values()
        id_of[name] = own if own is not None and is_free else max(id_of.values(), default=0) + 1
    return id_of


def _write_imported_coco(path: Path, entries: Sequence[_ImportedEntry], id_of: Mapping[str, int]) -> None:
    images = [{"id": number, **entry.image} for number, entry in enumerate(entries, start=1)]
    annotations = [
        {"image_id": image["id"], "category_id": id_of[name], **one}
        for image, entry in zip(images, entries, strict=True)
        for name, one in entry.objects
    ]
    document = {
        "images": images,
        "annotations": [{"id": number, **one} for number, one in enumerate(annotations, start=1)],
        "categories": [{"id": number, "name": name} for name, number in id_of.items()],
    }
    path.write_text(json.dumps(document) + "\n", encoding="utf-8", newline="\n")


def _held_out_line(sizes: Sequence[tuple[int, int]]) -> list[str]:
    """The line of `val`: a share of the training images, or of the blocks of a few large ones."""
    val = suggest_val(len(sizes), min(sizes, default=None))
    if isinstance(val, dict):
        return [f"val: {{ tiles: {val['tiles']}, block: {val['block']} }} # a share of the images' blocks"]
    return [f"val: {val} # a random share of the training images"] if len(sizes) > 1 else []


def _yaml_of_import(
    name: Format,
    dataset: ImportedDataset,
    images: Mapping[str, Sequence[_ImportedEntry]],
    report: ImportReport,
) -> str:
    """The dataset YAML; pixels without an object are of the format's own background, if it has one."""
    unlabelled = dataset.unlabelled
    if unlabelled != UNLABELLED_IGNORED:
        unlabelled = next(filter(is_background, report.classes), unlabelled)
    lines = [f"# Written by `seg data import {name}`. Images stay where they were."]
    for split in _SPLITS:
        if report.images[split]:
            lines.append(f"{split}: {{ images: ., annotations: {split}.json }}")
        elif split == "val":
            lines += _held_out_line([(one.image["height"], one.image["width"]) for one in images["train"]])
    keys, unsure = suggest_pixel_range([one.path for one in images["train"]])
    lines += [f"# {one}" for one in unsure] + [f"{key}: {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join([*lines, f"unlabelled: {json.dumps(unlabelled)}", ""])
