"""A split whose images are read around a place, from their files, so that they may be of any size."""

from collections import OrderedDict
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seg.data import Split
from seg.data.images.raster import Raster
from seg.data.images.read_sample import open_sample
from seg.data.regions.class_map import ClassMap
from seg.data.regions.label_raster import LabelRaster
from seg.data.regions.region import Region, Size
from seg.errors import DataError
from seg.image_type import ImageHWB
from seg.terminal.progress import progress
from seg.train.splits.decoded_split import Pair, scale_to_network, target_of_labels
from seg.train.splits.drawable_split import DrawableSplit, Scale

MOST_OPEN: Final = 8
"""The most images that are open at once; those that are decoded whole are kept in memory as long."""

Opened = tuple[Raster, LabelRaster]


class WindowedSplit(DrawableSplit):
    """The images of a split with their label maps, of which a window around a place is read.

    `window_hw` is the size of the window. Images of bands are brought to 0..1 by `scale`.
    """

    def __init__(self, split: Split, window_hw: Size, scale: Scale | None = None) -> None:
        super().__init__(split, scale)
        self._window_hw = window_hw
        self._opened: OrderedDict[int, Opened] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without opened files and maps, for a worker process."""
        kept = {name: value for name, value in self.__dict__.items() if name != "class_maps"}
        return {**kept, "_opened": OrderedDict()}

    def read_drawn(self, index: int, centre: Size | None) -> Pair:
        """The pixels and labels, or planes, around a pixel; near a border the window lies inside.

        Raises:
            DataError: the image or its labels cannot be read there.
        """
        image, labels = self._open(index)
        size_hw = (image.shape[0], image.shape[1])
        region = window_around(centre or (size_hw[0] // 2, size_hw[1] // 2), self._window_hw, size_hw)
        pixels = np.array(image[region.slices])
        return self._scaled(pixels, index), target_of_labels(np.array(labels[region.slices]), self._split)

    def count_labels(self, index: int) -> NDArray[np.int64]:
        """The pixels of each class in an image, int64 `[C]`."""
        return self.class_maps[index].counts_c[: len(self.classes)]

    @cached_property
    def class_maps(self) -> list[ClassMap]:
        """The class map of each image; raises DataError if labels cannot be read."""
        with progress("count classes by place", len(self), unit="images") as advance:
            maps = []
            for index in range(len(self)):
                maps.append(ClassMap.of(self._split.open_labels(index), self.task, len(self.classes)))
                advance()
        return maps

    def _scaled(self, image_hwb: ImageHWB, index: int) -> ImageHWB:
        return scale_to_network(image_hwb, self._scale, self._split.samples[index].image)

    def _open(self, index: int) -> Opened:
        if index not in self._opened:
            sample = self._split.samples[index]
            image, labels = open_sample(sample), self._split.open_labels(index)
            if image.shape[:2] != labels.shape:
                raise DataError(
                    f"{sample.image}: has size {image.shape[:2]} and its labels {labels.shape}"
                    " (height, width): resize one of them"
                )
            self._opened[index] = image, labels
            if len(self._opened) > MOST_OPEN:
                self._opened.popitem(last=False)
        self._opened.move_to_end(index)
        return self._opened[index]


def window_around(centre: Size, side_hw: Size, size_hw: Size) -> Region:
    """A window of that size with a pixel in its middle, moved into the image, or the image's size at most."""
    places = []
    for middle, side, extent in zip(centre, side_hw, size_hw, strict=True):
        length = min(side, extent)
        places.append((int(np.clip(middle - length // 2, 0, extent - length)), length))
    (top, height), (left, width) = places
    return Region(top, left, height, width)
