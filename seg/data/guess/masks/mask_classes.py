"""The classes of masks: from a class list that is there, from a known dataset, or from the pixel values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from seg.data.guess.masks.class_masks import is_jpeg_name
from seg.data.guess.survey import FolderSurvey, split_of_path
from seg.data.masks.mask_values import read_mask_values
from seg.errors import DataError
from seg.spec.class_lists import CLASS_LIST_NAMES, PRESETS, read_class_list

MOST_READ: Final = 24
_INSTANCES: Final = 1000
_VOID: Final = re.compile(r"void|unlabel|ignore|unknown|out of roi", re.IGNORECASE)
_CITYSCAPES_VOID: Final = (0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30)
_UNLABELLED: Final = 255


@dataclass(slots=True)
class MaskClasses:
    """Keys of the dataset, keys of its masks, and what is unsure."""

    dataset: dict[str, Any] = field(default_factory=dict)
    masks: dict[str, Any] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MaskContent:
    """The values or colours in some masks."""

    values: tuple[int, ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()
    is_jpeg: bool = False


def content_of_masks(masks: Sequence[Path]) -> MaskContent:
    """Read some of the masks; those that cannot be read have no content."""
    values: set[int] = set()
    colours: set[tuple[int, ...]] = set()
    step = max(1, len(masks) // MOST_READ)
    for path in masks[::step]:
        try:
            pixels = read_mask_values(path, lossy=True)
        except DataError:
            continue
        if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
            pixels = pixels[..., 0]
        if pixels.ndim == 3:
            colours |= set(map(tuple, np.unique(pixels.reshape(-1, 3), axis=0).tolist()))
        else:
            values |= set(np.unique(pixels).tolist())
    return MaskContent(tuple(sorted(values)), tuple(sorted(colours)), is_jpeg_name(masks[0]))  # type: ignore[arg-type]


def classes_of_masks(found: FolderSurvey, masks: Sequence[Path]) -> MaskClasses:
    """The classes of masks of one role.

    Raises:
        DataError: none of the masks can be read.
    """
    content = content_of_masks(masks)
    if not content.values and not content.colours:
        read_mask_values(masks[0], lossy=True)  # It raises what is wrong with the first, as with all.
    listed = _read_found_class_list(found)
    if content.colours:
        return _classes_of_colours(content, listed)
    if listed is None and len([value for value in content.values if value != 0]) == 1:
        return _classes_of_two_values(content.values)
    if content.is_jpeg or (listed is None and len(content.values) > len(PRESETS["voc"]) * 4):
        result = MaskClasses({"task": "binary", "classes": ["foreground"]}, {"binary": 127})
        result.unsure.append(
            f"classes: the masks have {len(content.values)} values: taken as black and white"
        )
        return result
    return _classes_of_ids(content.values, masks[0], listed)


def _classes_of_two_values(values: Sequence[int]) -> MaskClasses:
    result = MaskClasses({"task": "binary", "classes": ["foreground"]})
    if max(values) > 1:
        result.masks["binary"] = max(values) // 2
    result.unsure.append(
        f"classes: the masks have the values {_shown_mask_values(values)}: call the class by its name"
    )
    return result


def _classes_of_colours(
    content: MaskContent, listed: tuple[Path, list[dict[str, Any]]] | None
) -> MaskClasses:
    result = MaskClasses()
    if content.is_jpeg:
        result.masks["tolerance"] = 60
    if listed and all(entry.get("colour") for entry in listed[1]):
        known = {tuple(entry["colour"]) for entry in listed[1]}
        result.dataset["classes"] = listed[0]
        _leave_out_void(result, listed[1])
    elif set(content.colours) <= (voc := {entry["colour"] for entry in PRESETS["voc"]} | {(224, 224, 192)}):
        known = voc
        result.dataset |= {"classes": "voc", "unlabelled_colours": [[224, 224, 192]]}
    else:
        known = set(content.colours)
        result.dataset["classes"] = [
            {"name": f"class_{number}", "colour": list(colour)}
            for number, colour in enumerate(content.colours[:255])
        ]
        result.unsure.append("classes: no list of classes is here: call them by their names")
    if (unknown := [colour for colour in content.colours if colour not in known]) and not content.is_jpeg:
        result.dataset["unlabelled_colours"] = [list(colour) for colour in unknown[:16]]
        result.unsure.append("unlabelled_colours: colours of no class")
    return result


def _classes_of_ids(
    values: Sequence[int], sample: Path, listed: tuple[Path, list[dict[str, Any]]] | None
) -> MaskClasses:
    result = MaskClasses()
    if max(values, default=0) >= _INSTANCES:
        result.masks["divide"] = _INSTANCES
        values = sorted({value // _INSTANCES if value >= _INSTANCES else value for value in values})
    if listed:
        ids = {entry.get("id", position) for position, entry in enumerate(listed[1])}
        result.dataset["classes"] = listed[0]
        _leave_out_void(result, listed[1])
    elif "labelids" in sample.stem.lower() or "instanceids" in sample.stem.lower():
        ids = {entry["id"] for entry in PRESETS["cityscapes"]} | set(_CITYSCAPES_VOID)
        result.dataset |= {"classes": "cityscapes", "unlabelled_values": list(_CITYSCAPES_VOID)}
    elif sample.parent.name == "SegmentationClass" and max(values, default=0) in {*range(21), _UNLABELLED}:
        ids = {entry["id"] for entry in PRESETS["voc"]}
        result.dataset["classes"] = "voc"
    else:
        ids = {value for value in values if value != _UNLABELLED}
        result.dataset["classes"] = [{"name": f"class_{value}", "id": value} for value in sorted(ids)]
        result.unsure.append("classes: no list of classes is here: call them by their names")
    unknown = [value for value in values if value not in ids and value != _UNLABELLED]
    if unknown:
        result.dataset["unlabelled_values"] = [*unknown, _UNLABELLED]
        result.unsure.append(f"unlabelled_values: no class has the id {_shown_mask_values(unknown)}")
    return result


def _leave_out_void(result: MaskClasses, entries: Sequence[dict[str, Any]]) -> None:
    void = [entry["name"] for entry in entries if _VOID.search(entry["name"])]
    if void:
        result.dataset["unlabelled_classes"] = void
        result.unsure.append(f"unlabelled_classes: {', '.join(void)} is taken as not to be learnt")


def _read_found_class_list(found: FolderSurvey) -> tuple[Path, list[dict[str, Any]]] | None:
    """The class list that is there; of one for each split, that of training."""
    for path in sorted(
        found.named(*CLASS_LIST_NAMES), key=lambda path: split_of_path(path, found.folder) != "train"
    ):
        try:
            return path, read_class_list(path)
        except ValueError:
            continue
    return None


def _shown_mask_values(values: Sequence[int]) -> str:
    return ", ".join(map(str, values[:16])) + (", ..." if len(values) > 16 else "")
