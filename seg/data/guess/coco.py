"""COCO JSONs: which split each is of, and where its images are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seg.data.guess.annotations import json_or_none
from seg.data.guess.held_out import guess_val
from seg.data.guess.result import Guess
from seg.data.guess.survey import FolderSurvey
from seg.data.images.image_files import resolve_image_name
from seg.data.splits.split_names import split_of_path, split_of_word
from seg.spec.dataset.dataset import SplitName

COCO_KEYS = {"images", "annotations", "categories"}


def guess_coco(found: FolderSurvey) -> Guess | None:
    """COCO JSONs and their images; None if there is no such JSON whose images are there."""
    splits: dict[SplitName, Any] = {}
    train: list[Path] = []
    unsure: list[str] = []
    categories: list[dict[str, Any]] = []
    used: set[int] = set()
    for path in found.of_kind(".json"):
        document = json_or_none(path)
        if not is_coco_of_objects(document):
            continue
        names = names_of_coco_images(document)
        folder = _folder_of_coco_images(found, names)
        if folder is None:
            unsure.append(f"{found.inner(path)}: its images, such as {names[0]}, are not here")
            continue
        name: SplitName = split_of_word(path.stem) or split_of_path(path, found.folder) or "train"
        if name in splits:
            unsure.append(f"{found.inner(path)}: is also of {name!r}")
            continue
        if name == "predict" or document["annotations"]:
            splits[name] = {"images": folder, "annotations": path}
        if name == "train":
            train = [resolve_image_name(folder, image) for image in names]
        categories = categories or _entries_of_coco(document, "categories")
        ids = (annotation.get("category_id") for annotation in _entries_of_coco(document, "annotations"))
        used |= {number for number in ids if isinstance(number, int)}
    if "train" not in splits:
        return None
    if "val" not in splits:
        splits["val"], about_val = guess_val(train)
        unsure.append(about_val)
    return Guess(
        "COCO",
        {**_coco_splits_in_order(splits), **_guess_unlabelled(categories, used, unsure)},
        tuple(unsure),
    )


def is_coco_of_objects(document: Any) -> bool:
    """Whether a JSON is COCO's, with images and objects; a panoptic one has segments instead of objects.

    Some of its entries may be wrong, which is for the check to tell.
    """
    if not isinstance(document, dict) or not document.keys() >= COCO_KEYS:
        return False
    has_segments = any("segments_info" in entry for entry in _entries_of_coco(document, "annotations"))
    return bool(names_of_coco_images(document)) and not has_segments


def names_of_coco_images(document: dict[str, Any]) -> list[str]:
    """The file names of its images."""
    names = (entry.get("file_name") for entry in _entries_of_coco(document, "images"))
    return [name for name in names if isinstance(name, str)]


def _entries_of_coco(document: dict[str, Any], part: str) -> list[dict[str, Any]]:
    """The objects of a list in the JSON, without anything else that is there."""
    entries = document[part] if isinstance(document[part], list) else []
    return [entry for entry in entries if isinstance(entry, dict)]


def _coco_splits_in_order(splits: dict[SplitName, Any]) -> dict[str, Any]:
    return {name: splits[name] for name in ("train", "val", "predict") if name in splits}


def _guess_unlabelled(
    categories: Sequence[dict[str, Any]], used: set[int], unsure: list[str]
) -> dict[str, str]:
    """What pixels without an object are: the root category that exports of Roboflow have, or a new class."""
    roots = [one for one in categories if one.get("id") == 0 and "name" in one and 0 not in used]
    if roots:
        unsure.append(f"category 0, {roots[0]['name']!r}, has no object: pixels without an object are of it")
        return {"unlabelled": roots[0]["name"]}
    unsure.append("unlabelled: set 'ignore' if pixels without an object are not background")
    return {"unlabelled": "Background"}


def _folder_of_coco_images(found: FolderSurvey, names: Sequence[str]) -> Path | None:
    """The folder that the names are relative to: that with most of the first images, nearest to the top."""
    folders = dict.fromkeys(
        [found.folder, *(parent for path in found.images for parent in _folders_above(found, path))]
    )
    some = names[:20]
    counts = {folder: sum(resolve_image_name(folder, name).exists() for name in some) for folder in folders}
    best = max(counts, key=lambda folder: (counts[folder], -len(folder.parts)))
    return best if counts[best] else None


def _folders_above(found: FolderSurvey, path: Path) -> list[Path]:
    return [parent for parent in path.parents if parent.is_relative_to(found.folder)]
