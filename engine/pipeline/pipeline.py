"""The pipeline: open frames, run their passes, merge the probabilities, finish the images.

The caller's thread opens frames and hands out batches. Each worker thread, one for each stream of the
runtimes, takes a batch all the way: it fills the batch, runs the network, adds the probabilities to the
frames, and finishes the frames that need no more passes. So no core waits for another.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Final, Generic, TypeVar

from seg.data.images.raster import Raster
from seg.engine.passes.passes import Batch, Size
from seg.engine.pipeline.batch_runner import BatchRunner
from seg.engine.pipeline.collectors import Collector
from seg.engine.pipeline.config import PipelineConfig
from seg.engine.pipeline.frames import Frame, FrameSource, FrameUpdate, OnDamaged, OpenImage
from seg.engine.pipeline.scheduler import Scheduler
from seg.engine.pipeline.timing import Clock
from seg.engine.runtimes.base import Runtime
from seg.labels.label_map import ProbabilitiesCHW
from seg.thread_pool import pool_of_generator

Key = TypeVar("Key")
Finished = TypeVar("Finished")

QUEUED_BATCHES: Final = 1
"""Batches that wait for a worker, so that no worker waits for a batch."""


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
        self._clock = clock
        in_flight = config.batch_size * (config.streams + QUEUED_BATCHES)
        self._scheduler = Scheduler(
            config.pass_order,
            batch_size=config.batch_size,
            open_frames=max(config.open_frames, 2 * in_flight),
            lead=in_flight,
            checkpoints=config.stopping.checkpoints if config.stopping else (),
        )
        self._open: dict[int, Frame[Finished]] = {}
        self._source = FrameSource(config, new_collector, on_damaged, name_of, self._drop_image)
        self._runner = BatchRunner(runtimes, config, clock, self._open)
        self._results_of_plain: list[Finished] = []

    def run(self, images: Iterable[tuple[Key, Raster] | None]) -> Iterator[Finished]:
        frames = enumerate(self._source.frames_of(images))
        running: set[Future[list[FrameUpdate[Finished]]]] = set()
        with pool_of_generator(self._config.streams, "seg-pass") as pool:
            while True:
                while len(running) < self._config.streams + QUEUED_BATCHES:
                    batch = self._next_batch(frames, partial=len(running) < self._config.streams)
                    yield from self._take_results_of_plain()
                    if batch is None and not running:
                        batch = self._batch_of_next_member()
                    if batch is None:
                        break
                    running.add(pool.submit(self._runner.run_batch, batch))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    for update in future.result():
                        self._apply_update(update)
                        yield from update.finished

    def _drop_image(self, image: OpenImage[Finished], passes: int) -> None:
        """Drop an image; the results of its passes that are running are discarded."""
        for number in [number for number, frame in self._open.items() if frame.image is image]:
            self._scheduler.close(number)
            del self._open[number]
        if self._config.budget:
            self._config.budget.drop_image(passes)

    def _next_batch(
        self, frames: Iterator[tuple[int, Frame[Finished] | None]], *, partial: bool
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

    def _open_next(self, frames: Iterator[tuple[int, Frame[Finished] | None]]) -> bool:
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

    def _finish_plain(self, frame: Frame[Finished], plain: ProbabilitiesCHW) -> None:
        """Finish a tile on which no pass is run."""
        results, is_last = frame.image.put(frame.tile, plain)
        self._results_of_plain += results
        if is_last and self._config.budget:
            self._config.budget.close_image(frame.passes)

    def _take_results_of_plain(self) -> list[Finished]:
        taken, self._results_of_plain = self._results_of_plain, []
        return taken

    def _apply_update(self, update: FrameUpdate[Finished]) -> None:
        if update.added is not None:
            self._scheduler.added(update.frame, update.added)
        if update.is_done and update.frame in self._open:
            self._scheduler.close(update.frame)
            del self._open[update.frame]


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
