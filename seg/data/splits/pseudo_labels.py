"""Pseudo-labels: label maps predicted by an ensemble where its confidence is high, as a split to train on.

pseudo.json          the classes, in the order of their labels, and the confidence threshold
<image's id>.png     the label map: a class's position in that list, or the ignore index. Where classes
                     overlap: a bit for each and one for ignored pixels, the bytes of each value in planes
                     below each other, the lowest first
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from seg.data.images.image_files import bytes_of_file
from seg.data.images.images import read_mask, write_mask
from seg.data.regions.label_raster import LabelRaster
from seg.data.splits.list_samples import list_samples
from seg.data.splits.split import Sample
from seg.errors import DataError
from seg.files.atomic import regular_file, write_text
from seg.files.file_names import FileNames
from seg.labels.classes import ClassInfo
from seg.labels.task import (
    LabelMap,
    Task,
    classes_overlap,
    ignored_in,
    join_label_bytes,
    split_label_bytes,
    truth_dtype,
)

RECORD: Final = "pseudo.json"
MASK_SUFFIX: Final = ".png"


class PseudoRecord(BaseModel):
    """The record in a folder of pseudo-labels. `teacher` is the ensemble's fingerprint."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: tuple[str, ...]
    confidence: float
    teacher: str
    task: Task = "multiclass"

    def write(self, masks: Path) -> None:
        write_text(masks / RECORD, self.model_dump_json(indent=2, exclude_defaults=True) + "\n")


class PseudoSplit:
    """Images with their pseudo-labels.

    Raises:
        DataError: the folder has no pseudo-labels, or they are of other classes or of another task.
    """

    def __init__(
        self, images: Path, masks: Path, classes: Sequence[ClassInfo], task: Task = "multiclass"
    ) -> None:
        self.task = task
        self.classes = tuple(classes)
        self.samples = list_samples(images)
        self._masks = masks
        record = _read_pseudo_record(masks)
        names = tuple(c.name for c in classes)
        if record.classes != names:
            raise DataError(
                f"{masks}: was guessed for the classes {list(record.classes)}, the dataset has {list(names)}"
            )
        if record.task != task:
            raise DataError(f"{masks}: was guessed for 'task: {record.task}', the dataset has 'task: {task}'")

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for sample in self.samples:
            digest.update(sample.id.encode())
            digest.update(bytes_of_file(pseudo_mask(self._masks, sample)))
        return digest.hexdigest()

    def labels(self, index: int) -> LabelMap:
        path = pseudo_mask(self._masks, self.samples[index])
        classes = len(self.classes)
        size = truth_dtype(self.task, classes).itemsize
        planes_hw = read_mask(path)
        if len(planes_hw) % size:
            raise DataError(f"{path}: is no label map of {classes} classes: run seg pseudo-label again")
        labels_hw = join_label_bytes(planes_hw, size)
        known = labels_hw[~ignored_in(labels_hw, self.task, classes)]
        largest = (1 << classes) - 1 if classes_overlap(self.task) else classes - 1
        if known.size and known.max() > largest:
            raise DataError(
                f"{path}: has label {np.max(known)}, which is no class: run seg pseudo-label again"
            )
        return labels_hw

    def open_labels(self, index: int) -> LabelRaster:
        return self.labels(index)


def pseudo_mask(masks: Path, sample: Sample) -> Path:
    """The path of an image's pseudo-labels."""
    return masks / FileNames(MASK_SUFFIX).name_of(sample.id)


def write_pseudo_mask(path: Path, labels_hw: LabelMap) -> None:
    """Write ground truth of any task; see the top of this file."""
    write_mask(path, split_label_bytes(labels_hw))


def _read_pseudo_record(masks: Path) -> PseudoRecord:
    path = masks / RECORD
    try:
        return PseudoRecord.model_validate_json(regular_file(path).read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file: seg pseudo-label writes such a folder") from error
    except ValidationError as error:
        raise DataError(f"{path}: is damaged: run seg pseudo-label again") from error
