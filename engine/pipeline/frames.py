"""Frames: images, or tiles of them, that passes are run on; they are opened as images arrive."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, TypeVar

from seg.data.images.raster import Raster
from seg.engine.early_exit.rules import StoppingMonitor
from seg.engine.merging.device_merge import DeviceMerge
from seg.engine.merging.merges import Merge
from seg.engine.passes.device_values import Merged
from seg.engine.passes.passes import Size
from seg.engine.passes.tiles import TileBlender, TileLayout, lay_out_tiles
from seg.engine.pipeline.collectors import Collector
from seg.engine.pipeline.config import PipelineConfig
from seg.engine.pipeline.image_input import check_image_array, naming_image, refuse_large_whole_image
from seg.engine.pipeline.reorder import ReorderBuffer
from seg.errors import DataError, ImageTypeError
from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW

Key = TypeVar("Key")
Finished = TypeVar("Finished")

OnDamaged = Callable[[Key, DataError], None]
"""Called with the key of an image whose file proved damaged while it was cut into tiles, and the error."""


class OpenImage(Generic[Finished]):
    """An image of which not all tiles are finished, or some of its rows."""

    def __init__(self, name: str, layout: TileLayout, collector: Collector[Finished]) -> None:
        self.name = name
        self.tiles = layout.tiles_over(collector.rows)
        self._collector = collector
        blender = TileBlender(layout, collector.add, collector.rows.start)
        self._merged = ReorderBuffer[Merged](lambda number, merged: blender.add(self.tiles[number], merged))

    def put(self, tile: int, merged: Merged) -> tuple[list[Finished], bool]:
        """Add a tile; returns the results that are due then, and whether that was the last tile."""
        added = self._merged.put(tile - self.tiles.start, merged)
        strips = self._collector.take_strips() if added is not None else []
        is_last = added == len(self.tiles)
        return [*strips, *(self._collector.finish() if is_last else [])], is_last


@dataclass(frozen=True, slots=True)
class Frame(Generic[Finished]):
    """An image, or a tile of one, that is open and gets the first `passes` of the pass order.

    `probabilities` holds what `merge` takes: arrays, or values on a device. `plain` holds the
    probabilities of a plain tile, on which no pass is run.
    """

    image_hwc: ImageHWB
    image: OpenImage[Finished]
    tile: int
    passes: int
    merge: Merge | DeviceMerge
    probabilities: ReorderBuffer[Any]
    monitor: StoppingMonitor | None
    plain: ProbabilitiesCHW | None


@dataclass(frozen=True, slots=True)
class FrameUpdate(Generic[Finished]):
    """The progress of a frame: the number of passes added, and whether it is done."""

    frame: int
    added: int | None
    is_done: bool = False
    finished: list[Finished] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FrameSource(Generic[Key, Finished]):
    """Opens images as frames: each as one, or tile by tile.

    Attributes:
        on_damaged: told of a damaged image, which is dropped; without it the error is raised.
        drop_image: called with an image that was dropped, and the passes that it was to get.
    """

    config: PipelineConfig
    new_collector: Callable[[Key, Size], Collector[Finished]]
    on_damaged: OnDamaged[Key] | None
    name_of: Callable[[Key], str]
    drop_image: Callable[[OpenImage[Finished], int], None]

    def frames_of(self, images: Iterable[tuple[Key, Raster] | None]) -> Iterator[Frame[Finished] | None]:
        """The frames of images that arrive one by one; None where there is none at the moment."""
        large: Iterator[Frame[Finished]] = iter(())
        for arrived in images:
            if arrived is None:
                yield next(large, None)
                continue
            key, image_hwc = arrived
            try:
                with naming_image(self.name_of(key)):
                    check_image_array(image_hwc, self.config.image_types)
            except ImageTypeError as error:
                if self.on_damaged is None:
                    raise
                self.on_damaged(key, error)
                continue
            if self.config.tile is None:
                refuse_large_whole_image(image_hwc, self.name_of(key))
            layout = lay_out_tiles(image_hwc.shape[:2], self.config.tile)
            if self.config.large_give_way and layout.count > 1:
                large = chain(large, self._tiles_of(key, image_hwc, layout))
            else:
                yield from self._tiles_of(key, image_hwc, layout)
        yield from large

    def _tiles_of(self, key: Key, image_hwc: Raster, layout: TileLayout) -> Iterator[Frame[Finished]]:
        config = self.config
        collector = self.new_collector(key, image_hwc.shape[:2])
        image = OpenImage(self.name_of(key), layout, collector)
        passes = config.budget.open_image() if config.budget else len(config.pass_order)
        try:
            for tile, tile_hwc in zip(image.tiles, layout.cut(image_hwc, image.tiles), strict=True):
                merge = config.merge_for(layout.tile_hw)
                monitor = config.stopping.new_monitor() if config.stopping else None
                frame_hwc = config.frame(tile_hwc)
                plain = config.plain.probabilities(tile_hwc) if config.plain and layout.count > 1 else None
                yield Frame(frame_hwc, image, tile, passes, merge, ReorderBuffer(merge.add), monitor, plain)
        except DataError as error:
            if self.on_damaged is None:
                raise
            self.on_damaged(key, error)
            self.drop_image(image, passes)
