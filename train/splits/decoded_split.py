"""A split whose decoded images and label maps are kept in memory, up to a number of bytes."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.data import Split
from seg.data.images.read_sample import read_sample
from seg.data.regions.label_raster import count_labels
from seg.data.regions.region import Size
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC, LabelsHW
from seg.labels.soft_labels import SoftLabels
from seg.terminal.progress import Advance

KEPT_BYTES: Final = 2 * 2**30
"""How many bytes of a split are kept in memory."""

_THREADS: Final = 4

Pair = tuple[ImageHWC, LabelsHW]


class DecodedSplit:
    """The images of a split with their label maps, by index.

    With `size_hw`, images are resized bilinearly and label maps by nearest neighbour. With soft labels, each
    label map has them stacked behind it, uint8 `[H, W, 1 + C]`.
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
        """Image and label map; raises DataError if a file cannot be read, or their sizes differ."""
        return self._kept.get(index) or self._decode(index)

    def read_drawn(self, index: int, _: Size | None) -> Pair:
        """What a crop is cut from: the whole image; raises DataError as `read` does."""
        return self.read(index)

    def count_labels(self, index: int) -> NDArray[np.int64]:
        """The pixels of each class in an image, int64 `[C]`; raises DataError as `read` does."""
        return count_labels(self._split.open_labels(index), len(self.classes))

    def _decode(self, index: int) -> Pair:
        sample = self._split.samples[index]
        path = sample.image
        image_hwc, labels_hw = read_sample(sample), self._split.labels(index)
        if image_hwc.shape[:2] != labels_hw.shape:
            raise DataError(
                f"{path}: has size {image_hwc.shape[:2]} and its labels {labels_hw.shape}"
                " (height, width): resize one of them"
            )
        if self._soft_labels:
            shape_hwc = (*labels_hw.shape, len(self.classes))
            labels_hw = np.dstack([labels_hw, self._soft_labels.read_fitting(path, shape_hwc)])
        if self._size_hw is None:
            return image_hwc, labels_hw
        return _resized(image_hwc, self._size_hw, cv2.INTER_LINEAR), _resized(
            labels_hw, self._size_hw, cv2.INTER_NEAREST_EXACT
        )


def _resized(pixels: ImageHWC, size_hw: tuple[int, int], interpolation: int) -> Any:
    height, width = size_hw
    return cv2.resize(pixels, (width, height), interpolation=interpolation)
