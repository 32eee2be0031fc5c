"""Writing the built-in dataset in COCO format, with its dataset YAML."""

import json
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from seg.data.images import write_image
from seg.data.sample.scene import BACKGROUND, CLASSES, Mask, Thing, draw_scene
from seg.errors import OutputError
from seg.files import atomic_folder, is_there, remove_leftovers, write_text
from seg.progress import Advance, progress

_SPLITS: Final = ("train", "val", "predict")
_STAMP: Final = "sample.json"
_REVISION: Final = 1
_DATASET_YAML: Final = f"""\
# The built-in dataset: drawn trash, 12 classes. Written by `seg data sample`.
train: {{ images: ., annotations: train.json }}
val: {{ images: ., annotations: val.json }}
predict: {{ images: ., annotations: predict.json }}
unlabelled: {BACKGROUND}
"""


def write_sample_dataset(
    folder: Path,
    *,
    train: int = 320,
    val: int = 48,
    predict: int = 24,
    size_hw: tuple[int, int] = (128, 160),
    seed: int = 0,
) -> bool:
    """Write the dataset to a new folder; the same arguments give the same bytes.

    Returns:
        Whether anything was written: False if the folder already holds this dataset.

    Raises:
        OutputError: the folder holds something else.
    """
    settings = {
        "revision": _REVISION,
        "images": [train, val, predict],
        "size_hw": list(size_hw),
        "seed": seed,
    }
    stamp = json.dumps(settings) + "\n"
    if (folder / _STAMP).exists() and (folder / _STAMP).read_text(encoding="utf-8") == stamp:
        return False
    if is_there(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: holds something else: remove it or name another folder")
    if folder.parent.is_dir():
        remove_leftovers(folder)
    with atomic_folder(folder) as unfinished:
        counts = dict(zip(_SPLITS, (train, val, predict), strict=True))
        with progress("data sample", sum(counts.values()), unit="images") as advance:
            for number, (name, count) in enumerate(counts.items()):
                _write_split(unfinished, name, count, size_hw, (seed, number), advance)
        write_text(unfinished / "dataset.yaml", _DATASET_YAML)
        write_text(unfinished / _STAMP, stamp)
    return True


def _write_split(
    folder: Path,
    name: str,
    count: int,
    size_hw: tuple[int, int],
    seed: tuple[int, int],
    advance: Advance,
) -> None:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        file_name = f"{name}/{name}_{number:04}.jpg"
        image_hwc, things = draw_scene(size_hw, np.random.default_rng([*seed, number]))
        write_image(folder / file_name, image_hwc)
        height, width = size_hw
        images.append({"id": number, "file_name": file_name, "height": height, "width": width})
        for thing in things:
            annotations.append(_annotation(len(annotations) + 1, number, thing))
        advance()
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES, start=1)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    write_text(folder / f"{name}.json", json.dumps(document) + "\n")


def _annotation(number: int, image: int, thing: Thing) -> dict[str, Any]:
    rows, columns = np.nonzero(thing.mask_hw)
    left, top = int(columns.min()), int(rows.min())
    return {
        "id": number,
        "image_id": image,
        "category_id": thing.category,
        "segmentation": _polygons(thing.mask_hw),
        "area": int(thing.mask_hw.sum()),
        "bbox": [left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1],
        "iscrowd": 0,
    }


def _polygons(mask_hw: Mask) -> list[list[float]]:
    """Outlines along the outer edges of pixels, traced on a grid three times as fine."""
    fine = mask_hw.astype(np.uint8).repeat(3, axis=0).repeat(3, axis=1)
    contours, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    edges = [(contour[:, 0, :] + 0.5) / 3 for contour in contours if len(contour) > 2]
    return [np.round(edge, 2).ravel().tolist() for edge in edges]
