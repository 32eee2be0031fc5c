"""A split whose decoded images and label maps are kept in memory, up to a number of bytes."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data import Split
from seg.data.images.read_sample import read_sample
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX, ImageHWC
from seg.labels.soft_labels import SoftLabels
from seg.labels.task import LabelMap, Task, classes_overlap
from seg.terminal.progress import Advance
from seg.train.splits.class_planes import class_planes

KEPT_BYTES: Final = 2 * 2**30
"""How many bytes of a split are kept in memory."""

_THREADS: Final = 4

TargetHW = NDArray[np.uint8]
"""A label map uint8 `[H, W]`, or the planes of classes that overlap, uint8 `[H, W, C]`."""

Pair = tuple[ImageHWC, TargetHW]


class DecodedSplit:
    """The images of a split with their label maps, by index; see `class_planes` for classes that overlap.

    With `size_hw`, images are resized bilinearly and label maps by nearest neighbour. With soft labels, each
    label map has them stacked behind it, uint8 `[H, W, 1 + C]`, or behind its planes, uint8 `[H, W, 2 C]`.
    """

    def __init__(
        self, split: Split, size_hw: tuple[int, int] | None = None, soft_labels: SoftLabels | None = None
    ) -> None:
        self._split = split
        self._size_hw = size_hw
        self._soft_labels = soft_labels
        self._kept: dict[int, Pair] = {}

    def __len__(self) -> int:
        return len(self._split.samples)

    @property
    def task(self) -> Task:
        return self._split.task

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self._split.classes

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the kept images, for a worker process."""
        return {**self.__dict__, "_kept": {}}

    def read_ahead(self, advance: Advance) -> None:
        """Decode as many images as `KEPT_BYTES` hold; raises DataError as `read` does."""
        room = KEPT_BYTES
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

    def labels(self, index: int) -> LabelMap:
        """The label map as the split has it, without its image; raises DataError as `read` does."""
        return self._split.labels(index)

    def _decode(self, index: int) -> Pair:
        sample = self._split.samples[index]
        path = sample.image
        image_hwc, labels_hw = read_sample(sample), self._split.labels(index)
        if image_hwc.shape[:2] != labels_hw.shape:
            raise DataError(
                f"{path}: has size {image_hwc.shape[:2]} and its labels {labels_hw.shape}"
                " (height, width): resize one of them"
            )
        overlaps = classes_overlap(self.task)
        target_hw: TargetHW = class_planes(labels_hw, len(self.classes)) if overlaps else labels_hw
        if self._soft_labels:
            # The only level of a pixel of one class must not be taken for the ignore index.
            highest = IGNORE_INDEX - overlaps
            target_hw = np.dstack([target_hw, np.minimum(self._soft_labels.read(path), highest)])
        if self._size_hw is None:
            return image_hwc, target_hw
        return _resized(image_hwc, self._size_hw, cv2.INTER_LINEAR), _resized(
            target_hw, self._size_hw, cv2.INTER_NEAREST_EXACT
        )


def _resized(pixels: ImageHWC, size_hw: tuple[int, int], interpolation: int) -> Any:
    height, width = size_hw
    # OpenCV drops the axis of a single channel.
    return cv2.resize(pixels, (width, height), interpolation=interpolation).reshape(
        *size_hw, *pixels.shape[2:]
    )
