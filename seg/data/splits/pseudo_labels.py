"""Pseudo-labels: label maps predicted by an ensemble where its confidence is high, as a split to train on.

pseudo.json          the classes, in the order of their labels, and the confidence threshold
<image's id>.png     the label map: a class's position in that list, or the ignore index
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from seg.data.images.image_files import bytes_of
from seg.data.images.images import read_mask
from seg.data.regions.label_raster import LabelRaster
from seg.data.splits.list_samples import list_samples
from seg.data.splits.split import Sample
from seg.errors import DataError
from seg.files.atomic import regular, write_text
from seg.files.file_names import FileNames
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.labels.task import Task

RECORD: Final = "pseudo.json"
MASK_SUFFIX: Final = ".png"


class PseudoRecord(BaseModel):
    """The record in a folder of pseudo-labels. `teacher` is the ensemble's fingerprint."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: tuple[str, ...]
    confidence: float
    teacher: str

    def write(self, masks: Path) -> None:
        write_text(masks / RECORD, self.model_dump_json(indent=2) + "\n")


class PseudoSplit:
    """Images with their pseudo-labels.

    Raises:
        DataError: the folder has no pseudo-labels, or they are of other classes.
    """

    def __init__(self, images: Path, masks: Path, classes: Sequence[ClassInfo]) -> None:
        self.task: Task = "multiclass"
        self.classes = tuple(classes)
        self.samples = list_samples(images)
        self._masks = masks
        recorded = _read(masks).classes
        names = tuple(c.name for c in classes)
        if recorded != names:
            raise DataError(
                f"{masks}: was guessed for the classes {list(recorded)}, the dataset has {list(names)}"
            )

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for sample in self.samples:
            digest.update(sample.id.encode())
            digest.update(bytes_of(pseudo_mask(self._masks, sample)))
        return digest.hexdigest()

    def labels(self, index: int) -> LabelsHW:
        path = pseudo_mask(self._masks, self.samples[index])
        labels_hw = read_mask(path)
        known = labels_hw[labels_hw != IGNORE_INDEX]
        if known.size and known.max() >= len(self.classes):
            raise DataError(
                f"{path}: has label {np.max(known)}, which is no class: run seg pseudo-label again"
            )
        return labels_hw

    def open_labels(self, index: int) -> LabelRaster:
        return self.labels(index)


def pseudo_mask(masks: Path, sample: Sample) -> Path:
    """The path of an image's pseudo-labels."""
    return masks / FileNames(MASK_SUFFIX).name_of(sample.id)


def _read(masks: Path) -> PseudoRecord:
    path = masks / RECORD
    try:
        return PseudoRecord.model_validate_json(regular(path).read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file: seg pseudo-label writes such a folder") from error
    except ValidationError as error:
        raise DataError(f"{path}: is damaged: run seg pseudo-label again") from error
