"""A split of a folder of images and a folder of index masks with the same names."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.classes import ClassInfo
from seg.data.image_files import bytes_of, images_in
from seg.data.images import read_mask
from seg.data.labelling import Labelling, ReadLabelling
from seg.data.split import samples_with_ids
from seg.errors import DataError
from seg.labels import LabelsHW
from seg.words import counted

_MOST_SHOWN: Final = 8


class MaskSplit:
    """Images with PNG masks whose pixel values are class ids, or unlabelled values."""

    def __init__(
        self, images: Path, masks: Path, read_labelling: ReadLabelling, unlabelled_values: tuple[int, ...]
    ) -> None:
        if not masks.is_dir():
            raise DataError(f"{masks}: there is no such folder of masks")
        self.masks = masks
        self._folder = images
        self._read_labelling = read_labelling
        self._unlabelled_values = unlabelled_values
        self.samples = samples_with_ids(images, images_in(images))

    @cached_property
    def _labelling(self) -> Labelling:
        return self._read_labelling()

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self._labelling.classes

    @cached_property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for index, sample in enumerate(self.samples):
            digest.update(sample.id.encode())
            digest.update(bytes_of(self.mask_path(index)))
        return digest.hexdigest()

    def mask_path(self, index: int) -> Path:
        """Where the mask of sample `index` lies: the image's path in the mask folder, as PNG."""
        inner = self.samples[index].image.relative_to(self._folder)
        return (self.masks / inner).with_suffix(".png")

    def labels(self, index: int) -> LabelsHW:
        path = self.mask_path(index)
        values_hw = read_mask(path)
        label_of_value, is_known = self._tables
        values, counts = np.unique(values_hw[~is_known[values_hw]], return_counts=True)
        if values.size:
            raise DataError(
                f"{path}: has pixel values {_with_counts(values, counts)}, the id of no class: name it under"
                " 'classes' or list it under 'unlabelled_values'"
            )
        return label_of_value[values_hw]

    @cached_property
    def _tables(self) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """By pixel value: its label, and whether it has one. A class's id is never unlabelled."""
        label_of_value = np.zeros(256, dtype=np.uint8)
        is_known = np.zeros(256, dtype=np.bool_)
        label_of_value[list(self._unlabelled_values)] = self._labelling.unlabelled
        is_known[list(self._unlabelled_values)] = True
        for label, c in enumerate(self.classes):
            label_of_value[c.id] = label
            is_known[c.id] = True
        return label_of_value, is_known


def _with_counts(values: NDArray[np.uint8], counts: NDArray[np.int64]) -> str:
    """Such as `9 (12 pixels), 11 (1 pixel)`; the most frequent first."""
    order = np.argsort(-counts, kind="stable")
    parts = [f"{values[place]} ({counted(int(counts[place]), 'pixel')})" for place in order[:_MOST_SHOWN]]
    more = [f"{len(order) - _MOST_SHOWN} more values"] if len(order) > _MOST_SHOWN else []
    return ", ".join([*parts, *more])
