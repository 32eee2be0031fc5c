"""A folder of masks for each image, with a file for each class: `masks/0001/scratch.png`."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from seg.data.guess.held_out import guess_val
from seg.data.guess.masks.roles import images_and_masks
from seg.data.guess.result import ONE_CLASS_A_PIXEL, Guess
from seg.data.guess.split_keys import images_key
from seg.data.guess.survey import FolderSurvey, paths_by_split


def guess_files_of_classes(found: FolderSurvey) -> Guess | None:
    """Classes are the names of files in folders that are named after images; None if there are none.

    Files that are named by numbers alone are no classes.
    """
    images, masks = images_and_masks(found.folder, found.pictures)
    images_of = paths_by_split(images, found.folder)
    train = images_of.get("train") or images_of.get(None, [])
    names = {image.stem for image in train}
    files: dict[Path, set[str]] = defaultdict(set)
    for mask in masks:
        if mask.parent.name in names:
            files[mask.parent.parent / "{stem}" / f"{{class}}{mask.suffix}"].add(mask.stem)
    place = max(files, key=lambda place: len(files[place]), default=None)
    if place is None or any(name.isdigit() for name in files[place]):
        return None
    classes = sorted(files[place])
    val, about_val = guess_val(train)
    of_class = {name: place.with_name(place.name.replace("{class}", name)) for name in classes}
    dataset: dict[str, Any] = {
        "train": {"images": images_key(train), "masks": {"of_class": of_class}},
        "val": val,
        "task": "multilabel",
        "classes": classes,
    }
    if "predict" in images_of:
        dataset["predict"] = {"images": images_key(images_of["predict"])}
    unsure = (f"task: a file for each class, so classes may overlap; {ONE_CLASS_A_PIXEL}", about_val)
    return Guess("a folder of masks for each image", dataset, unsure)
