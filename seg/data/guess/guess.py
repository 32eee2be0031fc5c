"""Tell a folder's layout: by annotation files, COCO JSONs, masks, or tables of run lengths."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from seg.data.guess.annotations import guess_annotations
from seg.data.guess.coco import guess_coco
from seg.data.guess.depth import guess_pixel_range
from seg.data.guess.masks.files_of_classes import guess_files_of_classes
from seg.data.guess.masks.mask_folders import guess_mask_folders, guess_object_masks
from seg.data.guess.result import Guess
from seg.data.guess.survey import FolderSurvey, survey_folder
from seg.data.guess.tables import guess_tables
from seg.data.guess.unrecognised import reason_unrecognised
from seg.data.splits.list_samples import images_to_list
from seg.errors import DataError
from seg.terminal.words import pluralise

_FEWEST: Final = 3
"""Two images to train on, and one to measure on."""

_CROP: Final = 512
_CROPS: Final = 1000
"""Crops in an epoch, to begin with."""

_RECOGNISERS: Final = (
    guess_coco,
    guess_mask_folders,
    guess_object_masks,
    guess_files_of_classes,
    guess_annotations,
    guess_tables,
)

__all__ = ["Guess", "guess_dataset"]


def guess_dataset(folder: Path) -> Guess:
    """The layout of a folder, and the dataset YAML for it.

    Raises:
        DataError: the folder is missing, or has no layout that is known.
    """
    found = survey_folder(folder.absolute())
    for recognise in _RECOGNISERS:
        if (guess := recognise(found)) is not None:
            return _guess_with_crops(
                _guess_with_sample(_with_enough_to_train(guess_pixel_range(guess)), found)
            )
    raise DataError(f"{folder}: {reason_unrecognised(found)}")


def _with_enough_to_train(guess: Guess) -> Guess:
    """The guess without a share to hold out, if too few images would be left to train on."""
    train = guess.dataset.get("train")
    if not isinstance(guess.dataset.get("val"), float) or not isinstance(train, Mapping):
        return guess
    try:
        where = train["images"]
        _, images = images_to_list(where if isinstance(where, Path) else where[0])
    except DataError:
        return guess
    if len(images) >= _FEWEST:
        return guess
    dataset = {key: value for key, value in guess.dataset.items() if key != "val"}
    few = f"val: {pluralise(len(images), 'labelled image')}: training takes 2, and another to measure on:"
    unsure = tuple(one for one in guess.unsure if not one.startswith("val:"))
    return replace(guess, dataset=dataset, unsure=(*unsure, f"{few} label more, and add 'val: 0.2'"))


def _guess_with_crops(guess: Guess) -> Guess:
    """The guess with a recipe that draws crops, if blocks of a few images are held out."""
    val = guess.dataset.get("val")
    if not isinstance(val, Mapping) or "tiles" not in val:
        return guess
    crop = min(val["block"], _CROP)
    return replace(guess, recipe={"crop": crop, "samples": _CROPS})


def _guess_with_sample(guess: Guess, found: FolderSurvey) -> Guess:
    """The guess with the contest's sample submission, if there is one."""
    samples = [path for path in found.of_kind(".csv") if "sample" in path.stem.lower()]
    return replace(guess, sample=min(samples, key=lambda path: len(path.parts))) if samples else guess
