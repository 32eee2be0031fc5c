"""Traces of images in tiles: which labels of the blended image change if its tiles stop earlier.

All tiles run all passes. The image as it would have been, had each tile stopped where the doubt about it
first fell to a level, is blended beside the one of all passes, for each of some levels.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seg.data.images.raster import Raster
from seg.engine.early_exit.rounds import tile_checkpoints
from seg.engine.early_exit.rules import MissingC, Stopping, TileMargins
from seg.engine.early_exit.traces import MEASURED_LEVELS, TiledPassTrace
from seg.engine.ensemble import Ensemble
from seg.engine.merging.decision import Decision
from seg.engine.merging.merges import normalise_merged
from seg.engine.passes.device_values import Merged, merged_on_host
from seg.engine.passes.passes import PassOrder
from seg.engine.passes.plain_tiles import PlainTiles
from seg.engine.passes.tiles import TileBlender, TileLayout, lay_out_tiles
from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW
from seg.spec.ensemble.prediction import DOUBT_LEVELS


def trace_tiles(
    ensemble: Ensemble,
    images: Iterable[Raster],
    pass_order: PassOrder,
    name_of: Callable[[int], str] = str,
) -> Iterator[TiledPassTrace]:
    """Run all passes of the tiles of images, cut as `ensemble.tile` says; traces in the order of the images.

    Args:
        name_of: the name of an image in messages, by its position.
    """
    tracer = _TileTracer(ensemble, pass_order)
    # Tiles go through the pipeline as images of their own, so that they are batched across images.
    tiles = replace(ensemble, tile=None).predict_all(
        tracer.tiles(images),
        lambda number, mean_chw: (number, mean_chw),
        stopping=Stopping(pass_order, tracer.checkpoints, tracer.new_recorder),
        name_of=lambda number: name_of(tracer.image_of(number)),
    )
    for number, mean_chw in tiles:
        tracer.finish(number, mean_chw)
        yield from tracer.take_traces()
    yield from tracer.take_traces()


@dataclass(slots=True)
class _TileRecorder:
    """A monitor that never stops a tile, and records its mean where its doubt first falls to each level.

    `means` and `taken`, the passes by then, are in the order in which levels are reached: the highest first.
    """

    decision: Decision
    pass_order: PassOrder
    checkpoints: Sequence[int]
    means: list[ProbabilitiesCHW] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    _calls: int = 0

    def observe_checkpoint(self, sum_chw: ProbabilitiesCHW, missing_c: MissingC) -> bool:
        doubt = TileMargins.of(sum_chw, missing_c, self.decision).uncertain_share
        reached = sum(DOUBT_LEVELS[level] >= doubt for level in MEASURED_LEVELS)
        if new := max(0, reached - len(self.means)):
            mean_chw = normalise_merged(sum_chw.copy(), self.pass_order, missing_c.copy(), self.decision.task)
            self.means += [mean_chw] * new
            self.taken += [self.checkpoints[self._calls]] * new
        self._calls += 1
        return False

    @classmethod
    def of_plain(cls, plain_chw: ProbabilitiesCHW) -> Self:
        """The record of a tile on which no pass is run."""
        levels = len(MEASURED_LEVELS)
        return cls(Decision(), (), (), [plain_chw] * (levels + 1), [0] * levels)

    def add_all_passes(self, mean_chw: ProbabilitiesCHW) -> None:
        """Add the mean of all passes for the levels that were not reached, and once more for itself."""
        missing = len(MEASURED_LEVELS) - len(self.means)
        self.means += [mean_chw] * (missing + 1)
        self.taken += [len(self.pass_order)] * missing


class _BlendedTrace:
    """One image, blended once for each level and once of all passes."""

    def __init__(self, layout: TileLayout, decision: Decision) -> None:
        self._layout = layout
        self._decision = decision
        self._passes = 0
        self._taken: list[list[int]] = []
        self._differing: list[NDArray[np.int64]] = []
        self._pixels: list[NDArray[np.int64]] = []
        self._blender = TileBlender(layout, self._count)

    def add(self, recorder: _TileRecorder) -> None:
        """Add the next tile; its means at all levels are blended as if they were further classes."""
        self._blender.add(len(self._taken), np.concatenate(recorder.means))
        self._taken.append(recorder.taken)
        self._passes += len(recorder.pass_order)

    @property
    def is_whole(self) -> bool:
        return len(self._taken) == self._layout.count

    def trace(self) -> TiledPassTrace:
        # Recorders have the highest level first.
        return TiledPassTrace(
            self._passes,
            np.array(self._taken)[:, ::-1],
            np.concatenate(self._differing)[:, ::-1],
            np.concatenate(self._pixels),
        )

    def _count(self, strip: Merged) -> None:
        """Count in each tile's columns the labels of a strip that differ from those of all passes."""
        *by_level, final_hw = (
            self._decision.labels(mean_chw)
            for mean_chw in np.split(merged_on_host(strip), len(MEASURED_LEVELS) + 1)
        )
        starts = self._layout.columns.starts
        differing = [np.add.reduceat((labels_hw != final_hw).sum(axis=0), starts) for labels_hw in by_level]
        self._differing.append(np.stack(differing, axis=1))
        self._pixels.append(len(final_hw) * np.diff([*starts, final_hw.shape[1]]))


class _TileTracer:
    """Cuts images into tiles, numbered on from image to image, and blends what comes back in any order."""

    def __init__(self, ensemble: Ensemble, pass_order: PassOrder) -> None:
        self.checkpoints = tile_checkpoints(pass_order)
        self._pass_order = pass_order
        self._tile = ensemble.tile
        self._decision = ensemble.decision()
        self._plain = PlainTiles.of(ensemble.tile, ensemble.classes, ensemble.task)
        self._images: deque[_BlendedTrace] = deque()
        self._recorders: dict[int, _TileRecorder] = {}
        self._finished: dict[int, _TileRecorder] = {}
        self._first_tiles: list[int] = []
        self._cut = 0
        self._blended = 0

    def tiles(self, images: Iterable[Raster]) -> Iterator[tuple[int, ImageHWB]]:
        """The tiles of all images, by number, without plain ones, which need no pass."""
        for image_hwc in images:
            layout = lay_out_tiles(image_hwc.shape[:2], self._tile)
            self._images.append(_BlendedTrace(layout, self._decision))
            self._first_tiles.append(self._cut)
            for tile_hwc in layout.cut(image_hwc):
                number, self._cut = self._cut, self._cut + 1
                plain = self._plain.probabilities(tile_hwc) if self._plain and layout.count > 1 else None
                if plain is None:
                    yield number, tile_hwc
                else:
                    self._finished[number] = _TileRecorder.of_plain(plain)

    def image_of(self, tile: int) -> int:
        """The position of the image that a tile was cut from."""
        return bisect_right(self._first_tiles, tile) - 1

    def new_recorder(self) -> _TileRecorder:
        """The recorder of the tile that was cut last: the pipeline asks for it before it takes another."""
        recorder = _TileRecorder(self._decision, self._pass_order, self.checkpoints)
        self._recorders[self._cut - 1] = recorder
        return recorder

    def finish(self, number: int, mean_chw: ProbabilitiesCHW) -> None:
        recorder = self._recorders.pop(number)
        recorder.add_all_passes(mean_chw)
        self._finished[number] = recorder

    def take_traces(self) -> Iterator[TiledPassTrace]:
        """Blend the tiles that are due; the traces of images that are whole then."""
        while recorder := self._finished.pop(self._blended, None):
            self._blended += 1
            image = self._images[0]
            image.add(recorder)
            if image.is_whole:
                yield self._images.popleft().trace()
