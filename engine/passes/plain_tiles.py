"""Plain tiles: glass beside tissue, sea, nodata. They get one class, and no pass is run on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np

from seg.engine.passes.views import resize_bands
from seg.errors import SpecError
from seg.image_type import ImageHWB
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import Task, classes_overlap
from seg.spec.base import did_you_mean
from seg.spec.ensemble.prediction import TileSpec

CELL: Final = 8
"""The side of the cells whose mean colours are compared."""


@dataclass(frozen=True, slots=True)
class PlainTiles:
    """The rule: the mean colours of a tile's cells of 8 x 8 pixels differ by at most `spread` per channel.

    Tiles in which no pixel has data are plain, too. `label` is that of the class that such tiles get, of
    `classes`; None if they get none.
    """

    label: int | None
    classes: int
    spread: float

    @classmethod
    def of(cls, tile: TileSpec | None, classes: Sequence[ClassInfo], task: Task) -> Self | None:
        """The rule of a spec's tiles; None if all are predicted.

        Raises:
            SpecError: the class is unknown, or there is none and a pixel must have one.
        """
        if tile is None or tile.plain is None:
            return None
        names = [c.name for c in classes]
        label = tile.plain.label
        if label is None and classes_overlap(task):
            return cls(None, len(names), tile.plain.spread)
        if label is None:
            raise SpecError("tile: plain: name the class of their pixels: 'plain: { label: Background }'")
        if label not in names:
            raise SpecError(f"tile: plain: there is no class {label!r}: {did_you_mean(label, names)}")
        return cls(names.index(label), len(names), tile.plain.spread)

    def is_plain(self, tile_hwc: ImageHWB) -> bool:
        if np.isnan(tile_hwc).all():
            return True
        height, width = (max(1, side // CELL) for side in tile_hwc.shape[:2])
        cells_hwc = resize_bands(tile_hwc.astype(np.float32), (width, height), cv2.INTER_AREA)
        per_channel = cells_hwc.reshape(height * width, -1)
        return bool((np.ptp(per_channel, axis=0) <= self.spread).all())

    def probabilities(self, tile_hwc: ImageHWB) -> ProbabilitiesCHW | None:
        """1 for the class and 0 for the others, float32 `[C, H, W]`, if a tile is plain; of no memory."""
        if not self.is_plain(tile_hwc):
            return None
        of_class = np.zeros((self.classes, 1, 1), dtype=np.float32)
        if self.label is not None:
            of_class[self.label] = 1
        return np.broadcast_to(of_class, (self.classes, *tile_hwc.shape[:2]))
