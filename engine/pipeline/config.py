"""How the passes of frames become results: what a stream of images is told once."""

from collections.abc import Sequence
from dataclasses import dataclass

from seg.engine.early_exit.deadline import PassBudget
from seg.engine.early_exit.rules import Stopping
from seg.engine.merging.decoder_grid import DecoderMerge, padded_to_grid
from seg.engine.merging.device_graphs import DeviceOps
from seg.engine.merging.device_merge import DeviceMerge, add_up, merged_together
from seg.engine.merging.merges import Merge, new_merge
from seg.engine.passes.device_values import AnswersOnDevice, Merged
from seg.engine.passes.passes import Plan, Size
from seg.engine.runtimes.base import ImagesNHWC, ProbabilitiesNCHW, Runtime
from seg.engine.runtimes.decoder_cut import Decoder
from seg.labels import ImageHWC
from seg.spec.prediction import MergeName, TileSpec


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """How frames are made and batched, and how the answers for one become one.

    Attributes:
        plan: the passes of every frame.
        names: what the members that it speaks of are called.
        classes: how many there are.
        batch_size: the most passes that travel together.
        streams: how many batches run at once.
        stopping: how images are stopped before the plan ends; goes with the mean only, and has the same plan.
        open_frames: how many frames are worked on at once; by default enough to fill all batches.
        pace: says how many passes of the plan an image gets; by default all.
        decoders: how each member answers, where answers are merged on the grids of decoders, by their mean.
        device_ops: what merges probabilities that stay on their device; for the mean, with no stopping.
        large_give_way: the tiles of large images are cut only where no other image is there at the moment.
    """

    plan: Plan
    names: tuple[str, ...]
    classes: int
    batch_size: int
    streams: int
    merge: MergeName = "mean"
    tile: TileSpec | None = None
    stopping: Stopping | None = None
    open_frames: int = 0
    pace: PassBudget | None = None
    decoders: tuple[Decoder, ...] = ()
    device_ops: DeviceOps | None = None
    large_give_way: bool = False

    def frame(self, image_hwc: ImageHWC) -> ImageHWC:
        """What passes are made of for an image or a tile."""
        return padded_to_grid(image_hwc) if self.decoders else image_hwc

    def answers(self, runtime: Runtime, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW | AnswersOnDevice:
        """What a network says of a batch, row by row as `merge_for` takes it."""
        return runtime.run_on_device(images_nhwc) if self.device_ops else runtime.run(images_nhwc)

    def merge_for(self, size_hw: Size) -> Merge | DeviceMerge:
        """An empty merge for an image or a tile of that size."""
        if self.device_ops:
            return DeviceMerge(self.device_ops, self.plan, size_hw)
        if self.decoders:
            return DecoderMerge(self.plan, self.decoders, self.classes, size_hw)
        return new_merge(self.merge, self.plan, self.classes, size_hw)

    def add_up(self, merges: Sequence[Merge | DeviceMerge]) -> None:
        """Bring the sums of a batch's frames up to date, after each took its rows; those on the host are."""
        add_up([merge for merge in merges if isinstance(merge, DeviceMerge)])

    def merged(self, merges: Sequence[Merge | DeviceMerge]) -> Sequence[Merged]:
        """What frames that were finished together became."""
        if self.device_ops:
            return merged_together([merge for merge in merges if isinstance(merge, DeviceMerge)])
        return [merge.merged() for merge in merges if not isinstance(merge, DeviceMerge)]
