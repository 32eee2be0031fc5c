"""Writing the built-in dataset in COCO format, with its dataset YAML."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from seg.data.images.images import write_image
from seg.data.sample.scene import BACKGROUND, CLASSES, Mask, SceneObject, draw_scene
from seg.data.sample.surroundings import Surroundings
from seg.errors import OutputError
from seg.files.atomic import atomic_folder, path_exists, write_text
from seg.terminal.progress import Advance, progress

_SPLITS: Final = ("train", "val", "predict")
_STAMP: Final = "sample.json"
_REVISION: Final = 2
_DATASET_YAML: Final = f"""\
# The built-in dataset: drawn trash, 12 classes. Written by `seg data sample`.
train: {{ images: ., annotations: train.json }}
val: {{ images: ., annotations: val.json }}
predict: {{ images: ., annotations: predict.json }}
unlabelled: {BACKGROUND}
"""
_GROUP_LINE: Final = """\
group: '^scene[0-9]+' # the images of a place resemble one another
"""
_PLACES: Final = 100
"""Distinguishes the random numbers of places from those of images."""


def write_sample_dataset(
    folder: Path,
    *,
    train: int = 480,
    val: int = 128,
    predict: int = 96,
    size_hw: tuple[int, int] = (128, 160),
    seed: int = 0,
    scenes: int = 0,
) -> bool:
    """Write the dataset to a new folder; the same arguments give the same bytes.

    With `scenes`, the images show so many places, named in their file names, each with its own light, ground
    and frequencies of classes: `train` the first third of the places, `val` the second, `predict` the last.

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
        **({"scenes": scenes} if scenes else {}),
    }
    with new_sample_folder(folder, settings) as unfinished:
        if unfinished is None:
            return False
        counts = dict(zip(_SPLITS, (train, val, predict), strict=True))
        with progress("data sample", sum(counts.values()), unit="images") as advance:
            for number, (name, count) in enumerate(counts.items()):
                places = _draw_places_of_split(scenes, number, seed)
                _write_sample_split(unfinished, name, count, size_hw, (seed, number), places, advance)
        write_text(unfinished / "dataset.yaml", _DATASET_YAML + (_GROUP_LINE if scenes else ""))
    return True


@contextmanager
def new_sample_folder(folder: Path, settings: Mapping[str, Any]) -> Iterator[Path | None]:
    """A new folder, to be filled with what these settings give; None if it holds that already.

    Raises:
        OutputError: the folder holds something else.
    """
    stamp = json.dumps(settings) + "\n"
    if (folder / _STAMP).exists() and (folder / _STAMP).read_text(encoding="utf-8") == stamp:
        yield None
        return
    if path_exists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: holds something else: remove it or name another folder")
    with atomic_folder(folder) as unfinished:
        yield unfinished
        write_text(unfinished / _STAMP, stamp)


def _draw_places_of_split(scenes: int, split: int, seed: int) -> dict[str, Surroundings]:
    """The places of one of the three splits, by name."""
    numbers = range(scenes * split // len(_SPLITS), scenes * (split + 1) // len(_SPLITS))
    return {
        f"scene{number + 1:02}": Surroundings.draw(
            len(CLASSES), np.random.default_rng([seed, _PLACES, number])
        )
        for number in numbers
    }


def _write_sample_split(
    folder: Path,
    name: str,
    count: int,
    size_hw: tuple[int, int],
    seed: tuple[int, int],
    places: dict[str, Surroundings],
    advance: Advance,
) -> None:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, count + 1):
        # The images of a place follow one another, as the frames of a drive do.
        place = list(places)[(number - 1) * len(places) // count] if places else name
        file_name = f"{name}/{place}_{number:04}.jpg"
        image_hwc, things = draw_scene(size_hw, np.random.default_rng([*seed, number]), places.get(place))
        write_image(folder / file_name, image_hwc)
        height, width = size_hw
        images.append({"id": number, "file_name": file_name, "height": height, "width": width})
        for thing in things:
            annotations.append(_annotation_of_scene_object(len(annotations) + 1, number, thing))
        advance()
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES, start=1)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    write_text(folder / f"{name}.json", json.dumps(document) + "\n")


def _annotation_of_scene_object(number: int, image: int, thing: SceneObject) -> dict[str, Any]:
    rows, columns = np.nonzero(thing.mask_hw)
    left, top = int(columns.min()), int(rows.min())
    return {
        "id": number,
        "image_id": image,
        "category_id": thing.category,
        "segmentation": _polygons_of_mask(thing.mask_hw),
        "area": int(thing.mask_hw.sum()),
        "bbox": [left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1],
        "iscrowd": 0,
    }


def _polygons_of_mask(mask_hw: Mask) -> list[list[float]]:
    """Outlines along the outer edges of pixels, traced on a grid three times as fine."""
    fine = mask_hw.astype(np.uint8).repeat(3, axis=0).repeat(3, axis=1)
    contours, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    edges = [(contour[:, 0, :] + 0.5) / 3 for contour in contours if len(contour) > 2]
    return [np.round(edge, 2).ravel().tolist() for edge in edges]
