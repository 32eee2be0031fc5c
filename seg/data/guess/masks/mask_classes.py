"""The classes of masks: from a class list that is there, from a known dataset, or from the pixel values."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seg.data.guess.masks.class_masks import is_jpeg_name
from seg.data.guess.masks.numbered_objects import values_number_objects
from seg.data.guess.survey import FolderSurvey
from seg.data.masks.binary_threshold import MIDDLE, find_binary_threshold
from seg.data.masks.mask_values import read_mask_values
from seg.data.splits.split_names import split_of_path
from seg.errors import DataError
from seg.spec.class_lists import CLASS_LIST_NAMES, PRESETS, read_class_list
from seg.spec.class_lists.unlabelled import MAX_PIXEL_VALUE

MOST_READ: Final = 24
_INSTANCES: Final = 1000
_VOID: Final = re.compile(r"void|unlabel|ignore|unknown|out of roi", re.IGNORECASE)
_CITYSCAPES_VOID: Final = (0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30)
_UNLABELLED: Final = 255


_ClassList = tuple[Path, list[dict[str, Any]]]
"""A file of classes, and what it lists."""


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
    is_binary: bool = False
    """Whether the masks have 0 and one other value, or are smoothed between black and white."""
    number_objects: bool = False
    """Whether values seem to number the objects of each image."""


def content_of_masks(masks: Sequence[Path]) -> MaskContent:
    """Read some of the masks; those that cannot be read have no content."""
    values: set[int] = set()
    colours: set[tuple[int, ...]] = set()
    maps: list[NDArray[Any]] = []
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
            maps.append(pixels)
    return MaskContent(
        tuple(sorted(values)),
        tuple(sorted(colours)),  # type: ignore[arg-type]
        is_jpeg_name(masks[0]),
        not colours and _are_binary(values, maps),
        max(values, default=0) > 2 and values_number_objects(maps),
    )


def _are_binary(values: Collection[int], masks: Sequence[NDArray[Any]]) -> bool:
    if _has_either_value(values, masks):
        return True
    if len([value for value in values if value != 0]) <= 1:
        return True
    thresholds = {find_binary_threshold(partial(list, [values_hw])) for values_hw in masks}
    return MIDDLE in thresholds and None not in thresholds


def _has_either_value(values: Collection[int], masks: Sequence[NDArray[Any]]) -> bool:
    """Whether some masks have 0 and 1, and the others 0 and 255."""
    return {1, _UNLABELLED} <= set(values) <= {0, 1, _UNLABELLED} and all(
        len(np.unique(values_hw[values_hw > 0])) <= 1 for values_hw in masks
    )


def classes_of_masks(found: FolderSurvey, masks: Sequence[Path]) -> MaskClasses:
    """The classes of masks of one role.

    Raises:
        DataError: none of the masks can be read.
    """
    content = content_of_masks(masks)
    if not content.values and not content.colours:
        read_mask_values(masks[0], lossy=True)  # It raises what is wrong with the first, as with all.
    unsure: list[str] = []
    result = _classes_of_content(content, masks[0], _read_found_class_list(found, unsure))
    result.unsure[:0] = unsure
    return result


def _classes_of_content(content: MaskContent, sample: Path, listed: _ClassList | None) -> MaskClasses:
    """The classes of masks with this content, such as `sample`; raises DataError."""
    if content.colours:
        return _classes_of_colours(content, listed)
    if content.is_binary and (listed is None or len(listed[1]) <= 2):
        return _classes_of_binary_masks(content.values, listed)
    if content.is_jpeg:
        raise DataError(
            f"{sample}: is a JPEG with values that are neither near 0 nor near 255: a JPEG changes ids of"
            " classes: save masks as PNG, or set 'binary' for a threshold in a YAML of your own"
        )
    if max(content.values) > MAX_PIXEL_VALUE and not _are_ids_with_instances(content.values):
        return _classes_of_objects(content.values)
    if listed is None and len(content.values) > len(PRESETS["voc"]) * 4:
        result = MaskClasses({"task": "binary", "classes": ["foreground"]}, {"binary": 127})
        result.unsure.append(
            f"classes: the masks have {len(content.values)} values: taken as black and white"
        )
        return result
    result = _classes_of_ids(content.values, sample, listed)
    if listed is None and content.number_objects:
        result.unsure.append(
            "classes: the values seem to number the objects of each image: if they do, give masks"
            " 'binary: 0', and set 'task: binary' and 'classes: [foreground]'"
        )
    return result


def _are_ids_with_instances(values: Sequence[int]) -> bool:
    """Whether large values are those of Cityscapes, such as 26003: id x 1000 + instance."""
    return all(_INSTANCES <= value < _INSTANCES * _UNLABELLED for value in values if value > MAX_PIXEL_VALUE)


def _classes_of_objects(values: Sequence[int]) -> MaskClasses:
    """Masks whose values are too large to be classes, and so number the objects of each image."""
    result = MaskClasses({"task": "binary", "classes": ["foreground"]}, {"binary": 0})
    result.unsure.append(
        f"classes: the masks have values up to {max(values)}, which are taken as numbers of objects of one"
        " class"
    )
    return result


def _classes_of_binary_masks(values: Sequence[int], listed: _ClassList | None) -> MaskClasses:
    """Masks of 0 and another value, or smoothed ones; a list names the class, or the background before it."""
    has_background = listed is not None and len(listed[1]) == 2
    classes = listed[0] if listed else ["foreground"]
    result = MaskClasses({"classes": classes} if has_background else {"task": "binary", "classes": classes})
    others = [value for value in values if value > 0]
    if not others:
        result.masks["binary"] = 0
        result.unsure.append("classes: the masks that were read have the value 0 alone: look at them")
        return result
    if others == [1, _UNLABELLED]:
        result.masks["binary"] = 0
        result.unsure.append(
            "classes: some masks have the values 0, 1, and others 0, 255: taken as one class"
        )
        return result
    if max(others) > 1:
        result.masks["binary"] = max(others) // 2
    shown = f"values {_shown_mask_values(values)}"
    if len(others) > 1:
        shown = f"{len(values)} values, most of them near 0 and {max(values)}"
    name = "" if listed else ": call the class by its name"
    result.unsure.append(f"classes: the masks have the {shown}{name}")
    return result


def _classes_of_colours(content: MaskContent, listed: _ClassList | None) -> MaskClasses:
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


def _classes_of_ids(values: Sequence[int], sample: Path, listed: _ClassList | None) -> MaskClasses:
    result = MaskClasses()
    if max(values, default=0) >= _INSTANCES:
        result.masks["divide"] = _INSTANCES
        values = sorted({value // _INSTANCES if value >= _INSTANCES else value for value in values})
    if listed:
        first = _first_id(listed[1], values, result)
        ids = {entry.get("id", first + position) for position, entry in enumerate(listed[1])}
        result.dataset["classes"] = listed[0] if not first else _classes_from_one(listed[1])
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
        if _UNLABELLED in values:
            result.unsure.append("unlabelled_values: 255 is ignored, unless you list a class of the id 255")
    unknown = [value for value in values if value not in ids and value != _UNLABELLED]
    if unknown:
        result.dataset["unlabelled_values"] = [*unknown, _UNLABELLED]
        result.unsure.append(f"unlabelled_values: no class has the id {_shown_mask_values(unknown)}")
    return result


def _first_id(entries: Sequence[dict[str, Any]], values: Sequence[int], result: MaskClasses) -> int:
    """The number of the first class of a list without ids: 0, or 1 if the highest value is their number."""
    if any("id" in entry for entry in entries):
        return 0
    highest = max((value for value in values if value != _UNLABELLED), default=0)
    if highest == len(entries):
        result.unsure.append(
            f"classes: the list has {len(entries)} names and no ids, and the masks the values"
            f" {_shown_mask_values(values)}: taken as ids from 1"
        )
        return 1
    if highest < len(entries) - 1 or 0 not in values:
        result.unsure.append("classes: the list has no ids: taken as 0, 1, 2, ... in its order")
    return 0


def _classes_from_one(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**entry, "id": number} for number, entry in enumerate(entries, start=1)]


def _leave_out_void(result: MaskClasses, entries: Sequence[dict[str, Any]]) -> None:
    void = [entry["name"] for entry in entries if _VOID.search(entry["name"])]
    if void:
        result.dataset["unlabelled_classes"] = void
        result.unsure.append(f"unlabelled_classes: {', '.join(void)} is taken as not to be learnt")


def _read_found_class_list(found: FolderSurvey, unsure: list[str]) -> _ClassList | None:
    """The class list that is there; of one for each split, that of training. If none can be read: why."""
    problems = []
    for path in sorted(
        found.named(*CLASS_LIST_NAMES), key=lambda path: split_of_path(path, found.folder) != "train"
    ):
        try:
            return path, read_class_list(path)
        except ValueError as error:
            problems.append(str(error).replace(str(path), found.inner(path)))
    unsure += [f"classes: a list is not read: {problem}" for problem in problems]
    return None


def _shown_mask_values(values: Sequence[int]) -> str:
    return ", ".join(map(str, values[:16])) + (", ..." if len(values) > 16 else "")
