"""A split whose decoded images and label maps are kept in memory, up to a number of bytes."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data import Split
from seg.data.images.read_sample import read_sample
from seg.data.regions.label_raster import count_labels
from seg.data.regions.region import Size
from seg.errors import DataError
from seg.image_type import ImageHWB
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.soft_labels import SoftLabels
from seg.labels.task import LabelMap, classes_overlap
from seg.terminal.progress import Advance
from seg.train.splits.class_planes import class_planes
from seg.train.splits.drawable_split import DrawableSplit, Scale

KEPT_BYTES: Final = 2 * 2**30
"""How many bytes of a split are kept in memory."""

KEPT_REGION_BYTES: Final = 2**29
"""The same if some are regions of large images, which are read from files quickly."""

_THREADS: Final = 4

TargetHW = NDArray[np.uint8]
"""A label map uint8 `[H, W]`, or the planes of classes that overlap, uint8 `[H, W, C]`."""

Pair = tuple[ImageHWB, TargetHW]


class DecodedSplit(DrawableSplit):
    """The images of a split with their label maps, by index; see `class_planes` for classes that overlap.

    Images are uint8 RGB; those of bands are brought to 0..1 by `scale`. With `size_hw`, images are resized
    bilinearly and label maps by nearest neighbour. With soft labels, each label map has them stacked behind
    it, uint8 `[H, W, 1 + C]`, or behind its planes, uint8 `[H, W, 2 C]`.
    """

    def __init__(
        self,
        split: Split,
        size_hw: tuple[int, int] | None = None,
        soft_labels: SoftLabels | None = None,
        scale: Scale | None = None,
    ) -> None:
        super().__init__(split, scale)
        self._size_hw = size_hw
        self._soft_labels = soft_labels
        self._kept: dict[int, Pair] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the kept images, for a worker process."""
        return {**self.__dict__, "_kept": {}}

    def read_ahead(self, advance: Advance) -> None:
        """Decode as many images as may be kept; raises DataError as `read` does."""
        has_regions = any(sample.region for sample in self._split.samples)
        room = KEPT_REGION_BYTES if has_regions else KEPT_BYTES
        with ThreadPoolExecutor(_THREADS) as threads:
            for index, (image_hwc, labels_hw) in enumerate(threads.map(self.read, range(len(self)))):
                room -= image_hwc.nbytes + labels_hw.nbytes
                if room < 0:
                    threads.shutdown(cancel_futures=True)
                    advance(len(self) - index, note="the others are decoded when needed")
                    return
                self._kept[index] = (image_hwc, labels_hw)
                advance()

    def read(self, index: int) -> Pair:
        """Image and label map or planes; raises DataError if a file cannot be read, or their sizes differ."""
        return self._kept.get(index) or self._decode(index)

    def read_drawn(self, index: int, _: Size | None) -> Pair:
        """What a crop is cut from: the whole image; raises DataError as `read` does."""
        return self.read(index)

    def count_labels(self, index: int) -> NDArray[np.int64]:
        """The pixels of each class in an image, int64 `[C]`; raises DataError as `read` does."""
        return count_labels(self._split.open_labels(index), self.task, len(self.classes))

    def _decode(self, index: int) -> Pair:
        sample = self._split.samples[index]
        path = sample.image
        image_hwc, labels_hw = (
            scale_to_network(read_sample(sample), self._scale, path),
            self._split.labels(index),
        )
        if image_hwc.shape[:2] != labels_hw.shape:
            raise DataError(
                f"{path}: has size {image_hwc.shape[:2]} and its labels {labels_hw.shape}"
                " (height, width): resize one of them"
            )
        target_hw = target_of_labels(labels_hw, self._split)
        if self._soft_labels:
            shape_hwc = (*labels_hw.shape, len(self.classes))
            soft_hwc = self._soft_labels.read_fitting(path, shape_hwc)
            # The only level of a pixel of one class must not be taken for the ignore index.
            highest = IGNORE_INDEX - classes_overlap(self.task)
            target_hw = np.dstack([target_hw, np.minimum(soft_hwc, highest)])
        if self._size_hw is None:
            return image_hwc, target_hw
        return _resize_pixels(image_hwc, self._size_hw, cv2.INTER_LINEAR), _resize_pixels(
            target_hw, self._size_hw, cv2.INTER_NEAREST_EXACT
        )


def target_of_labels(labels_hw: LabelMap, split: Split) -> TargetHW:
    """A label map of a split as training takes it: as it is, or the planes of classes that overlap."""
    return class_planes(labels_hw, len(split.classes)) if classes_overlap(split.task) else labels_hw


def scale_to_network(image_hwb: ImageHWB, scale: Scale | None, path: Path) -> ImageHWB:
    """An image of bands in 0..1; RGB of 8 bits as it is. Raises DataError if it does not suit the network."""
    if scale is None:
        return image_hwb
    try:
        return scale(image_hwb)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _resize_pixels(pixels: ImageHWB, size_hw: tuple[int, int], interpolation: int) -> Any:
    height, width = size_hw
    # OpenCV drops the axis of a single channel.
    return cv2.resize(pixels, (width, height), interpolation=interpolation).reshape(
        *size_hw, *pixels.shape[2:]
    )
