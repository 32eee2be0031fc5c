"""Masks of two values by a threshold, and masks of one class each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seg.data.coco.painting import paint_objects, painted_object
from seg.data.labelling import Labelling
from seg.data.masks.binary_threshold import Regions, binary_mask, binary_threshold, mask_above_threshold
from seg.data.masks.mask_values import MaskValues, read_mask_values
from seg.errors import DataError
from seg.labels.label_map import LabelsHW
from seg.labels.task import LabelMap

Size = tuple[int, int]


class BinaryMasks:
    """1 where a value is above the threshold in one of the masks, else 0.

    That is the label of the second class of two, or the bit of the only class.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold

    def labels(self, paths: Sequence[Path]) -> LabelsHW:
        """The label map of an image's masks, which are of one size; raises DataError."""
        labels_hw = _mask_is_above(paths[0], self._threshold)
        for path in paths[1:]:
            more_hw = _mask_is_above(path, self._threshold)
            if more_hw.shape != labels_hw.shape:
                raise DataError(
                    f"{path}: has another size than {paths[0].name}: masks of an image are of one size"
                )
            labels_hw |= more_hw
        return labels_hw.astype(np.uint8)

    def labels_of(self, masks: Sequence[MaskValues]) -> LabelsHW:
        """The label map of the values of an image's masks."""
        labels_hw = mask_above_threshold(masks[0], self._threshold)
        for values in masks[1:]:
            labels_hw |= mask_above_threshold(values, self._threshold)
        return labels_hw.astype(np.uint8)


@dataclass(frozen=True, slots=True)
class ClassMask:
    """A mask of one class.

    Attributes:
        place: the folder or pattern of the class's masks.
        threshold: the value above which pixels are of the class; None if that is told by the mask's values.
    """

    path: Path
    place: Path
    threshold: float | None = None

    def is_class(self, values: MaskValues) -> NDArray[np.bool_]:
        """Where the values of the whole mask are of the class, bool `[H, W]`; raises DataError."""
        if self.threshold is None:
            return binary_mask(values, self.path, self.place)
        return mask_above_threshold(values, self.threshold)

    def threshold_of(self, regions: Regions) -> float:
        """The threshold of a mask that is read by region; raises DataError."""
        return binary_threshold(regions, self.path, self.place) if self.threshold is None else self.threshold


def labels_of_class_masks(masks: Mapping[int, ClassMask], size_hw: Size, labelling: Labelling) -> LabelMap:
    """A label map from a mask for each label.

    A mask that does not exist has no pixel. Where two overlap and a pixel has one class, the smaller is on
    top, as for COCO objects.

    Raises:
        DataError: a mask cannot be read, has another size, or is not binary.
    """
    objects = []
    for label, mask in masks.items():
        path = mask.path
        if not path.exists():
            continue
        mask_hw = mask.is_class(read_mask_values(path, lossy=True))
        if mask_hw.shape != size_hw:
            height, width = mask_hw.shape
            raise DataError(
                f"{path}: is {width}x{height}, its image is {size_hw[1]}x{size_hw[0]}: resize one of them"
            )
        objects.append(painted_object(label, mask_hw))
    return paint_objects(size_hw, objects, labelling)


def _mask_is_above(path: Path, threshold: float) -> NDArray[np.bool_]:
    return mask_above_threshold(read_mask_values(path, lossy=threshold > 0), threshold)
