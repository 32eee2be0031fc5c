"""The configuration of a pipeline: passes, batches, merge, tiles and early exit."""

from collections.abc import Sequence
from dataclasses import dataclass

from seg.engine.early_exit.deadline import PassBudget
from seg.engine.early_exit.rules import Stopping
from seg.engine.merging.decoder_grid import DecoderMerge, pad_to_decoder_grid
from seg.engine.merging.device_merge import DeviceMerge, accumulate_on_device, results_of_device_merges
from seg.engine.merging.device_ops import DeviceOps
from seg.engine.merging.merges import Merge, new_merge
from seg.engine.passes.device_values import BatchOnDevice, Merged
from seg.engine.passes.passes import PassOrder, Size
from seg.engine.passes.plain_tiles import PlainTiles
from seg.engine.runtimes.base import ImagesNHWC, ProbabilitiesNCHW, Runtime
from seg.engine.runtimes.decoder_cut import Decoder
from seg.image_type import RGB8, ImageHWB, ImageType
from seg.labels.task import Task
from seg.spec.ensemble.prediction import MergeName, TileSpec
from seg.spec.ensemble.stacking import Stacking


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """How frames are made and batched, and how the probabilities of a frame's passes are merged.

    Attributes:
        pass_order: the passes of every frame.
        names: of the members of the pass order.
        classes: their number.
        image_types: what each of them takes.
        batch_size: the most passes in a batch.
        streams: how many batches run at once.
        stopping: when images exit early; needs the mean, and the same pass order.
        open_frames: how many frames are in progress at once; by default enough to fill all batches.
        budget: decides how many passes of the pass order an image gets; by default all.
        decoders: of each member, if low-resolution probabilities are merged, by their mean.
        device_ops: merges probabilities that stay on their device; for the mean without early exit.
        task: whether probabilities are merged as those of one softmax, or class by class.
        large_give_way: the tiles of large images are cut only if no other image waits.
        plain: which tiles are not predicted.
        stacking: what corrects the mean of each frame, without early exit.
    """

    pass_order: PassOrder
    names: tuple[str, ...]
    classes: int
    batch_size: int
    streams: int
    merge: MergeName = "mean"
    tile: TileSpec | None = None
    stopping: Stopping | None = None
    open_frames: int = 0
    budget: PassBudget | None = None
    decoders: tuple[Decoder, ...] = ()
    device_ops: DeviceOps | None = None
    task: Task = "multiclass"
    large_give_way: bool = False
    image_types: tuple[ImageType, ...] = (RGB8,)
    plain: PlainTiles | None = None
    stacking: Stacking | None = None

    def frame(self, image_hwc: ImageHWB) -> ImageHWB:
        """The pixels that views are taken of, for an image or a tile."""
        return pad_to_decoder_grid(image_hwc) if self.decoders else image_hwc

    def run_batch(self, runtime: Runtime, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW | BatchOnDevice:
        """The probabilities of a batch, where `merge_for` needs them: on the device or the host."""
        return runtime.run_on_device(images_nhwc) if self.device_ops else runtime.run(images_nhwc)

    def merge_for(self, size_hw: Size) -> Merge | DeviceMerge:
        """An empty merge for an image or a tile of that size."""
        if self.device_ops:
            return DeviceMerge(self.device_ops, self.pass_order, size_hw, self.task)
        if self.decoders:
            return DecoderMerge(self.pass_order, self.decoders, self.classes, size_hw, self.task)
        return new_merge(self.merge, self.pass_order, self.classes, size_hw, self.task, self.stacking)

    def accumulate(self, merges: Sequence[Merge | DeviceMerge]) -> None:
        """Add what the merges of a batch's frames have queued on the device."""
        accumulate_on_device([merge for merge in merges if isinstance(merge, DeviceMerge)])

    def merged(self, merges: Sequence[Merge | DeviceMerge]) -> Sequence[Merged]:
        """The merged probabilities of frames that were finished together."""
        if self.device_ops:
            return results_of_device_merges([merge for merge in merges if isinstance(merge, DeviceMerge)])
        return [merge.merged() for merge in merges if not isinstance(merge, DeviceMerge)]
