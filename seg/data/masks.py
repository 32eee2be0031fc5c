"""A folder of images and a folder of index masks with the same names, as a split."""

import hashlib
from pathlib import Path

import numpy as np

from seg.classes import ClassInfo
from seg.data.images import images_in, read_mask
from seg.data.split import named
from seg.errors import DataError
from seg.labels import IGNORE_INDEX, LabelsHW

_UNKNOWN = 254


class MaskSplit:
    """Masks are PNG files whose pixel values are class ids; unlabelled values are set apart."""

    def __init__(
        self,
        images: Path,
        masks: Path,
        classes: tuple[ClassInfo, ...],
        unlabelled: int = IGNORE_INDEX,
        unlabelled_values: tuple[int, ...] = (255,),
    ) -> None:
        self.classes = classes
        self._masks = masks
        self._folder = images
        self.samples = named(images, images_in(images))
        self._label_of_value = np.full(256, _UNKNOWN, dtype=np.uint8)
        for label, c in enumerate(classes):
            if 0 <= c.id < 256:
                self._label_of_value[c.id] = label
        self._label_of_value[list(unlabelled_values)] = unlabelled

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for index, sample in enumerate(self.samples):
            digest.update(sample.id.encode())
            digest.update(self.mask_path(index).read_bytes())
        return digest.hexdigest()

    def mask_path(self, index: int) -> Path:
        """Where the mask of sample `index` lies: the image's path in the mask folder, as PNG."""
        inner = self.samples[index].image.relative_to(self._folder)
        return (self._masks / inner).with_suffix(".png")

    def labels(self, index: int) -> LabelsHW:
        path = self.mask_path(index)
        values_hw = read_mask(path)
        labels_hw = self._label_of_value[values_hw]
        unknown = np.unique(values_hw[labels_hw == _UNKNOWN])
        if unknown.size and len(self.classes) <= _UNKNOWN:
            raise DataError(
                f"{path}: pixel value {unknown[0]} is the id of no class:"
                " name it under 'classes' or list it under 'unlabelled_values'"
            )
        return labels_hw
