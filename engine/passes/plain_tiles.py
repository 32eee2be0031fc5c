"""Plain tiles: glass beside tissue, sea, nodata. They get one class, and no pass is run on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import cv2
import numpy as np

from seg.errors import SpecError
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC, ProbabilitiesCHW
from seg.spec.base import did_you_mean
from seg.spec.ensemble.prediction import TileSpec

CELL: Final = 8
"""The side of the cells whose mean colours are compared."""


@dataclass(frozen=True, slots=True)
class PlainTiles:
    """The rule: the mean colours of a tile's cells of 8 x 8 pixels differ by at most `spread` per channel.

    `label` is that of the class that such tiles get, of `classes`.
    """

    label: int
    classes: int
    spread: float

    @classmethod
    def of(cls, tile: TileSpec | None, classes: Sequence[ClassInfo]) -> Self | None:
        """The rule of a spec's tiles; None if all are predicted. Raises SpecError for an unknown class."""
        if tile is None or tile.plain is None:
            return None
        names = [c.name for c in classes]
        if tile.plain.label not in names:
            near = did_you_mean(tile.plain.label, names)
            raise SpecError(f"tile: plain: there is no class {tile.plain.label!r}: {near}")
        return cls(names.index(tile.plain.label), len(names), tile.plain.spread)

    def is_plain(self, tile_hwc: ImageHWC) -> bool:
        height, width = (max(1, side // CELL) for side in tile_hwc.shape[:2])
        cells_hwc = cv2.resize(tile_hwc.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        per_channel = cells_hwc.reshape(height * width, -1)
        return bool((np.ptp(per_channel, axis=0) <= self.spread).all())

    def probabilities(self, tile_hwc: ImageHWC) -> ProbabilitiesCHW | None:
        """1 for the class and 0 for the others, float32 `[C, H, W]`, if a tile is plain; of no memory."""
        if not self.is_plain(tile_hwc):
            return None
        of_class = np.zeros((self.classes, 1, 1), dtype=np.float32)
        of_class[self.label] = 1
        return np.broadcast_to(of_class, (self.classes, *tile_hwc.shape[:2]))
