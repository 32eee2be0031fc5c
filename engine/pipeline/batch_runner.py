"""Running a batch on a worker's thread: fill it, run the network, add the probabilities, finish frames."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

from seg.engine.merging.decoder_grid import DecoderMerge
from seg.engine.merging.merges import MeanMerge
from seg.engine.passes.device_values import Merged, ProbabilitiesOnDevice
from seg.engine.passes.finite import is_finite, not_finite_error
from seg.engine.passes.passes import Batch, Pass
from seg.engine.pipeline.config import PipelineConfig
from seg.engine.pipeline.frames import Frame, FrameUpdate
from seg.engine.pipeline.image_input import naming_image
from seg.engine.pipeline.timing import Clock
from seg.engine.runtimes.base import ImagesNHWC, Runtime
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.nvidia.pinned_memory import UploadBuffers
from seg.image_type import ImageType, image_type_holding
from seg.labels.label_map import ProbabilitiesCHW

Finished = TypeVar("Finished")


class BatchRunner(Generic[Finished]):
    """Runs batches of passes of open frames, each on the thread that calls it.

    `open_frames` are those of the pipeline, by number: frames that it closes meanwhile are left out.
    """

    def __init__(
        self,
        runtimes: Sequence[Runtime],
        config: PipelineConfig,
        clock: Clock,
        open_frames: dict[int, Frame[Finished]],
    ) -> None:
        self._runtimes = runtimes
        self._config = config
        self._clock = clock
        self._open_frames = open_frames
        self._uploads = UploadBuffers()

    def run_batch(self, batch: Batch) -> list[FrameUpdate[Finished]]:
        """Run a batch; the progress of its frames."""
        runtime = self._runtimes[batch.member]
        with self._clock.stage("assemble"):
            images_nhwc = self._assemble_batch(batch, runtime)
        with self._clock.stage("network"), naming_image(self._names_in(batch)):
            probabilities = self._config.run_batch(runtime, images_nhwc)
        self._clock.count_passes(run=len(batch.passes))
        # Values that are not finite are refused below with an error of our own.
        with self._clock.stage("accumulate"), np.errstate(all="ignore"):
            frames = self._frames_of(batch)
            added = [self._add_pass(frames, one, probabilities[row]) for row, one in enumerate(batch.passes)]
            self._config.accumulate([frame.merge for frame in frames.values()])
        with self._clock.stage("decide"), np.errstate(all="ignore"):
            finished = self._finish_frames(frames, list(zip(batch.passes, added, strict=True)))
        updates: list[FrameUpdate[Finished]] = [
            FrameUpdate(one.frame, count) for one, count in zip(batch.passes, added, strict=True)
        ]
        return updates + [FrameUpdate(number, None, True, results) for number, results in finished.items()]

    def _assemble_batch(self, batch: Batch, runtime: Runtime) -> ImagesNHWC:
        info = runtime.describe()
        rows = self._config.batch_size if info.whole_batches else len(batch.passes)
        frames = self._frames_of(batch)
        held = image_type_holding([frame.image_hwc for frame in frames.values()]) or runtime.image_type
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

    def _frames_of(self, batch: Batch) -> dict[int, Frame[Finished]]:
        """The frames of a batch that are still open."""
        found = {one.frame: self._open_frames.get(one.frame) for one in batch.passes}
        return {number: frame for number, frame in found.items() if frame is not None}

    def _add_pass(
        self,
        frames: dict[int, Frame[Finished]],
        one: Pass,
        probabilities: ProbabilitiesCHW | ProbabilitiesOnDevice,
    ) -> int | None:
        return (
            frames[one.frame].probabilities.put(one.position, probabilities) if one.frame in frames else None
        )

    def _finish_frames(
        self, frames: dict[int, Frame[Finished]], passes: Sequence[tuple[Pass, int | None]]
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
            finished[number], is_last = frame.image.put(frame.tile, self._checked_finite(frame, of_frame))
            if is_last and self._config.budget:
                self._config.budget.close_image(frame.passes)
        return finished

    def _is_done(self, frame: Frame[Finished], one: Pass, added: int | None) -> bool:
        return added == frame.passes or self._is_settled(frame, one, added)

    def _checked_finite(self, frame: Frame[Finished], merged: Merged) -> Merged:
        if not is_finite(merged):
            raise not_finite_error(self._non_finite_member(frame), frame.image.name)
        return merged

    def _non_finite_member(self, frame: Frame[Finished]) -> str:
        """The first member whose own probabilities for a frame are not finite."""
        for planned in self._config.pass_order[: frame.passes]:
            view_hwc = np.ascontiguousarray(planned.view.apply(frame.image_hwc))
            runtime = self._runtimes[planned.member]
            rows = self._config.batch_size if runtime.describe().whole_batches else 1
            if not is_finite(runtime.run(np.stack([view_hwc] * rows))):
                return self._config.names[planned.member]
        return "the ensemble"

    def _is_settled(self, frame: Frame[Finished], one: Pass, added: int | None) -> bool:
        stopping, merge = self._config.stopping, frame.merge
        # A pass that arrived out of order may see the count of a checkpoint that was already checked.
        return (
            stopping is not None
            and frame.monitor is not None
            and added is not None
            and added in stopping.checkpoints
            and one.position < added
            and isinstance(merge, MeanMerge | DecoderMerge)
            and frame.monitor.observe_checkpoint(merge.sum_chw, merge.missing_c)
        )
