"""The pipeline: open frames, run their passes, merge the probabilities, finish the images.

The caller's thread opens frames and hands out batches. Each worker thread, one for each stream of the
runtimes, takes a batch all the way: it fills the batch, runs the network, adds the probabilities to the
frames, and finishes the frames that need no more passes. So no core waits for another.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, Generic, TypeVar

import numpy as np

from seg.data.images.raster import Raster
from seg.engine.early_exit.rules import StoppingMonitor
from seg.engine.merging.decoder_grid import DecoderMerge
from seg.engine.merging.device_merge import DeviceMerge
from seg.engine.merging.merges import MeanMerge, Merge
from seg.engine.passes.device_values import Merged, ProbabilitiesOnDevice
from seg.engine.passes.finite import is_finite, not_finite_error
from seg.engine.passes.passes import Batch, Pass, Size
from seg.engine.passes.tiles import TileBlender, TileLayout, lay_out_tiles
from seg.engine.pipeline.collectors import Collector
from seg.engine.pipeline.config import PipelineConfig
from seg.engine.pipeline.image_input import check_image_array, naming_image, refuse_large_whole_image
from seg.engine.pipeline.reorder import ReorderBuffer
from seg.engine.pipeline.scheduler import Scheduler
from seg.engine.pipeline.timing import Clock
from seg.engine.runtimes.base import ImagesNHWC, Runtime
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.nvidia.pinned_memory import UploadBuffers
from seg.errors import DataError, ImageTypeError
from seg.image_type import ImageHWB, ImageType, held_type
from seg.labels.label_map import ProbabilitiesCHW

Key = TypeVar("Key")
Finished = TypeVar("Finished")

OnDamaged = Callable[[Key, DataError], None]
"""Called with the key of an image whose file proved damaged while it was cut into tiles, and the error."""

QUEUED_BATCHES: Final = 1
"""Batches that wait for a worker, so that no worker waits for a batch."""


class _OpenImage(Generic[Finished]):
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
        bands = self._collector.take_bands() if added is not None else []
        is_last = added == len(self.tiles)
        return [*bands, *(self._collector.finish() if is_last else [])], is_last


@dataclass(frozen=True, slots=True)
class _Frame(Generic[Finished]):
    """An image, or a tile of one, that is open and gets the first `passes` of the pass order.

    `probabilities` holds what `merge` takes: arrays, or values on a device. `plain` holds the
    probabilities of a plain tile, on which no pass is run.
    """

    image_hwc: ImageHWB
    image: _OpenImage[Finished]
    tile: int
    passes: int
    merge: Merge | DeviceMerge
    probabilities: ReorderBuffer[Any]
    monitor: StoppingMonitor | None
    plain: ProbabilitiesCHW | None


_Frames = dict[int, _Frame[Finished]]
"""Open frames by number."""


@dataclass(frozen=True, slots=True)
class _FrameUpdate(Generic[Finished]):
    """The progress of a frame: the number of passes added, and whether it is done."""

    frame: int
    added: int | None
    is_done: bool = False
    finished: list[Finished] = field(default_factory=list)


class _Pipeline(Generic[Key, Finished]):
    def __init__(
        self,
        runtimes: Sequence[Runtime],
        config: PipelineConfig,
        new_collector: Callable[[Key, Size], Collector[Finished]],
        clock: Clock,
        on_damaged: OnDamaged[Key] | None,
        name_of: Callable[[Key], str],
    ) -> None:
        self._runtimes = runtimes
        self._config = config
        self._new_collector = new_collector
        self._clock = clock
        self._on_damaged = on_damaged
        self._name_of = name_of
        in_flight = config.batch_size * (config.streams + QUEUED_BATCHES)
        self._scheduler = Scheduler(
            config.pass_order,
            batch_size=config.batch_size,
            open_frames=max(config.open_frames, 2 * in_flight),
            lead=in_flight,
            checkpoints=config.stopping.checkpoints if config.stopping else (),
        )
        self._uploads = UploadBuffers()
        self._open: dict[int, _Frame[Finished]] = {}
        self._results_of_plain: list[Finished] = []

    def run(self, images: Iterable[tuple[Key, Raster] | None]) -> Iterator[Finished]:
        frames = enumerate(self._frames(images))
        running: set[Future[list[_FrameUpdate[Finished]]]] = set()
        pool = ThreadPoolExecutor(self._config.streams, thread_name_prefix="seg-pass")
        try:
            while True:
                while len(running) < self._config.streams + QUEUED_BATCHES:
                    batch = self._next_batch(frames, partial=len(running) < self._config.streams)
                    yield from self._take_results_of_plain()
                    if batch is None and not running:
                        batch = self._batch_of_next_member()
                    if batch is None:
                        break
                    running.add(pool.submit(self._run_batch, batch))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    for report in future.result():
                        self._apply(report)
                        yield from report.finished
        finally:
            pool.shutdown(cancel_futures=True)

    def _frames(self, images: Iterable[tuple[Key, Raster] | None]) -> Iterator[_Frame[Finished] | None]:
        large: Iterator[_Frame[Finished]] = iter(())
        for arrived in images:
            if arrived is None:
                yield next(large, None)
                continue
            key, image_hwc = arrived
            try:
                with naming_image(self._name_of(key)):
                    check_image_array(image_hwc, self._config.image_types)
            except ImageTypeError as error:
                if self._on_damaged is None:
                    raise
                self._on_damaged(key, error)
                continue
            if self._config.tile is None:
                refuse_large_whole_image(image_hwc, self._name_of(key))
            layout = lay_out_tiles(image_hwc.shape[:2], self._config.tile)
            if self._config.large_give_way and layout.count > 1:
                large = chain(large, self._tiles(key, image_hwc, layout))
            else:
                yield from self._tiles(key, image_hwc, layout)
        yield from large

    def _tiles(self, key: Key, image_hwc: Raster, layout: TileLayout) -> Iterator[_Frame[Finished]]:
        config = self._config
        collector = self._new_collector(key, image_hwc.shape[:2])
        image = _OpenImage(self._name_of(key), layout, collector)
        passes = config.budget.open_image() if config.budget else len(config.pass_order)
        try:
            for tile, tile_hwc in zip(image.tiles, layout.cut(image_hwc, image.tiles), strict=True):
                merge = config.merge_for(layout.tile_hw)
                monitor = config.stopping.new_monitor() if config.stopping else None
                frame_hwc = config.frame(tile_hwc)
                plain = config.plain.probabilities(tile_hwc) if config.plain and layout.count > 1 else None
                yield _Frame(frame_hwc, image, tile, passes, merge, ReorderBuffer(merge.add), monitor, plain)
        except DataError as error:
            if self._on_damaged is None:
                raise
            self._on_damaged(key, error)
            self._drop_image(image, passes)

    def _drop_image(self, image: _OpenImage[Finished], passes: int) -> None:
        """Drop an image; the results of its passes that are running are discarded."""
        for number in [number for number, frame in self._open.items() if frame.image is image]:
            self._scheduler.close(number)
            del self._open[number]
        if self._config.budget:
            self._config.budget.drop_image(passes)

    def _next_batch(
        self, frames: Iterator[tuple[int, _Frame[Finished] | None]], *, partial: bool
    ) -> Batch | None:
        """A batch of a loaded member."""
        while True:
            batch = self._scheduler.next_batch(can_run=self._is_loaded)
            if batch is not None:
                return batch
            if not self._scheduler.has_room or not self._open_next(frames):
                return self._scheduler.next_batch(partial=partial, can_run=self._is_loaded)

    def _batch_of_next_member(self) -> Batch | None:
        """A batch of an offloaded member, which is loaded, once loaded members have nothing left to do."""
        batch = self._scheduler.next_batch(partial=True)
        if batch is not None:
            with self._clock.stage("load"):
                self._runtimes[batch.member].load()
        return batch

    def _is_loaded(self, member: int) -> bool:
        return self._runtimes[member].is_loaded

    def _open_next(self, frames: Iterator[tuple[int, _Frame[Finished] | None]]) -> bool:
        with self._clock.stage("wait for images"):
            number, frame = next(frames, (0, None))
        if frame is None:
            return False
        self._clock.count_tile(is_plain=frame.plain is not None)
        if frame.plain is not None:
            self._finish_plain(frame, frame.plain)
            return True
        planned = len(self._config.pass_order)
        self._clock.count_passes(planned=planned, dropped=planned - frame.passes)
        self._open[number] = frame
        self._scheduler.open(number, frame.image_hwc.shape[:2], frame.passes)
        return True

    def _finish_plain(self, frame: _Frame[Finished], plain: ProbabilitiesCHW) -> None:
        """Finish a tile on which no pass is run."""
        results, is_last = frame.image.put(frame.tile, plain)
        self._results_of_plain += results
        if is_last and self._config.budget:
            self._config.budget.close_image(frame.passes)

    def _take_results_of_plain(self) -> list[Finished]:
        taken, self._results_of_plain = self._results_of_plain, []
        return taken

    def _apply(self, report: _FrameUpdate[Finished]) -> None:
        if report.added is not None:
            self._scheduler.added(report.frame, report.added)
        if report.is_done and report.frame in self._open:
            self._scheduler.close(report.frame)
            del self._open[report.frame]

    def _run_batch(self, batch: Batch) -> list[_FrameUpdate[Finished]]:
        runtime = self._runtimes[batch.member]
        with self._clock.stage("assemble"):
            images_nhwc = self._assemble(batch, runtime)
        with self._clock.stage("network"), naming_image(self._names_in(batch)):
            probabilities = self._config.run_batch(runtime, images_nhwc)
        self._clock.count_passes(run=len(batch.passes))
        # Values that are not finite are refused below with an error of our own.
        with self._clock.stage("accumulate"), np.errstate(all="ignore"):
            frames = self._frames_of(batch)
            added = [self._add(frames, one, probabilities[row]) for row, one in enumerate(batch.passes)]
            self._config.accumulate([frame.merge for frame in frames.values()])
        with self._clock.stage("decide"), np.errstate(all="ignore"):
            finished = self._finish(frames, list(zip(batch.passes, added, strict=True)))
        reports: list[_FrameUpdate[Finished]] = [
            _FrameUpdate(one.frame, count) for one, count in zip(batch.passes, added, strict=True)
        ]
        return reports + [_FrameUpdate(number, None, True, results) for number, results in finished.items()]

    def _assemble(self, batch: Batch, runtime: Runtime) -> ImagesNHWC:
        info = runtime.describe()
        rows = self._config.batch_size if info.whole_batches else len(batch.passes)
        frames = self._frames_of(batch)
        held = held_type([frame.image_hwc for frame in frames.values()]) or runtime.image_type
        blank = self._uploads.blank if info.name in nvidia.PROVIDERS else ImageType.blank
        images_nhwc = blank(held, (rows, *batch.size_hw))
        for row, one in enumerate(batch.passes):
            view = self._config.pass_order[one.position].view
            if one.frame in frames:
                view.fill(images_nhwc[row], frames[one.frame].image_hwc[..., : held.bands])
        return images_nhwc

    def _names_in(self, batch: Batch) -> str:
        """The images that a batch's tiles are of."""
        return ", ".join(dict.fromkeys(frame.image.name for frame in self._frames_of(batch).values()))

    def _frames_of(self, batch: Batch) -> _Frames[Finished]:
        """The frames of a batch that are still open."""
        found = {one.frame: self._open.get(one.frame) for one in batch.passes}
        return {number: frame for number, frame in found.items() if frame is not None}

    def _add(
        self, frames: _Frames[Finished], one: Pass, probabilities: ProbabilitiesCHW | ProbabilitiesOnDevice
    ) -> int | None:
        return (
            frames[one.frame].probabilities.put(one.position, probabilities) if one.frame in frames else None
        )

    def _finish(
        self, frames: _Frames[Finished], passes: Sequence[tuple[Pass, int | None]]
    ) -> dict[int, list[Finished]]:
        """The results of frames that need no further pass; each pass comes with the number added by then."""
        done = {
            one.frame: frames[one.frame]
            for one, added in passes
            if one.frame in frames and self._is_done(frames[one.frame], one, added)
        }
        merged = self._config.merged([frame.merge for frame in done.values()])
        finished = {}
        for (number, frame), of_frame in zip(done.items(), merged, strict=True):
            finished[number], is_last = frame.image.put(frame.tile, self._checked(frame, of_frame))
            if is_last and self._config.budget:
                self._config.budget.close_image(frame.passes)
        return finished

    def _is_done(self, frame: _Frame[Finished], one: Pass, added: int | None) -> bool:
        return added == frame.passes or self._is_settled(frame, one, added)

    def _checked(self, frame: _Frame[Finished], merged: Merged) -> Merged:
        if not is_finite(merged):
            raise not_finite_error(self._non_finite_member(frame), frame.image.name)
        return merged

    def _non_finite_member(self, frame: _Frame[Finished]) -> str:
        """The first member whose own probabilities for a frame are not finite."""
        for planned in self._config.pass_order[: frame.passes]:
            view_hwc = np.ascontiguousarray(planned.view.apply(frame.image_hwc))
            runtime = self._runtimes[planned.member]
            rows = self._config.batch_size if runtime.describe().whole_batches else 1
            if not is_finite(runtime.run(np.stack([view_hwc] * rows))):
                return self._config.names[planned.member]
        return "the ensemble"

    def _is_settled(self, frame: _Frame[Finished], one: Pass, added: int | None) -> bool:
        stopping, merge = self._config.stopping, frame.merge
        # A pass that arrived out of order may see the count of a checkpoint that was already checked.
        return (
            stopping is not None
            and frame.monitor is not None
            and added is not None
            and added in stopping.checkpoints
            and one.position < added
            and isinstance(merge, MeanMerge | DecoderMerge)
            and frame.monitor.is_settled(merge.sum_chw, merge.missing_c)
        )


def run_pipeline(
    runtimes: Sequence[Runtime],
    config: PipelineConfig,
    images: Iterable[tuple[Key, Raster] | None],
    new_collector: Callable[[Key, Size], Collector[Finished]],
    clock: Clock | None = None,
    on_damaged: OnDamaged[Key] | None = None,
    name_of: Callable[[Key], str] = str,
) -> Iterator[Finished]:
    """Predict images with all members and their views.

    Memory is that of a few open frames, however many images there are: they are taken from the iterable
    only as fast as they are finished.

    Args:
        runtimes: a loaded model for each member of the pass order.
        config: the passes and how they run.
        images: any key with an image that all members take, of any size, whole or by window; or None for
            "none at the moment", which those that arrive one by one may say while others are worked on.
        new_collector: called with a key and the image's size when it is opened. The collector is called from
            one worker at a time.
        clock: where the seconds of each stage are added up.
        damaged: told of an image whose file is damaged where a tile is read; it is dropped, and the others go
            on. By default the error is raised.
        name_of: what an image is called in messages, by its key.

    Yields:
        What the collectors returned, in the order in which images finished.

    Raises:
        ModelError: what a member gives for an image is not finite, or not what the contract says.
    """
    run: _Pipeline[Key, Finished] = _Pipeline(
        runtimes, config, new_collector, clock or Clock(), on_damaged, name_of
    )
    return run.run(images)
