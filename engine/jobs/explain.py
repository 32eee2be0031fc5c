"""What `seg ensemble` would do, and what it would take, without doing it."""

from collections.abc import Sequence
from dataclasses import dataclass

from seg.data import open_split
from seg.engine.ensemble import Ensemble
from seg.engine.load import probe_frames
from seg.engine.member import Member, default_pass_order
from seg.engine.passes.device_values import Device
from seg.engine.runtimes.base import ImagesNHWC, Placement
from seg.engine.runtimes.offload_plan import both_orientations
from seg.engine.runtimes.profiling import memory_growth, milliseconds_per_pass, resident_bytes
from seg.spec import EnsembleSpec
from seg.views import ViewName


@dataclass(frozen=True, slots=True)
class MemberPlan:
    """One member: its part in the merge, what runs it, and what a pass costs.

    Attributes:
        share: of the merge, all views together.
        runtime: the name of what runs it.
        placement: on what its nodes run.
        milliseconds: wall time a pass while all streams are busy.
        taken: bytes by which running it makes the process grow.
    """

    name: str
    share: float
    views: tuple[ViewName, ...]
    runtime: str
    placement: Placement
    milliseconds: float
    taken: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """The plan of a run: `tiles` is how many the first image is cut into, `taken` in bytes, in all.

    `merged_on` is where answers are added up.
    """

    members: tuple[MemberPlan, ...]
    images: int
    tiles: int
    batch_size: int
    streams: int
    taken: int
    merged_on: Device
    notes: tuple[str, ...]

    @property
    def passes(self) -> int:
        """How many there are for one image."""
        return self.tiles * sum(len(member.views) for member in self.members)

    @property
    def seconds(self) -> float:
        """What the networks take for all images, if all are like the first."""
        one_tile = sum(len(member.views) * member.milliseconds for member in self.members)
        return self.images * self.tiles * one_tile / 1e3


def explain_ensemble(spec: EnsembleSpec, memory: int | None = None) -> Explanation:
    """Load the members and try each on one of the images; nothing is written.

    Args:
        memory: the bytes that the run may take.

    Raises:
        SpecError, ModelError, MissingRuntimeError, DataError: one line that says what to mend.
    """
    probe = probe_frames(spec)[0]
    ensemble = Ensemble.load(spec, memory=memory)
    batches = both_orientations([probe.frame_hwc], ensemble.batch_size)
    weight = sum(member.weight for member in ensemble.members)
    device_ops = ensemble.device_ops_for(
        default_pass_order(ensemble.members), has_monitor=spec.stopping is not None
    )
    return Explanation(
        members=tuple(_explain_member(member, weight, batches) for member in ensemble.members),
        images=len(open_split(spec.data, "predict").samples),
        tiles=probe.tiles,
        batch_size=ensemble.batch_size,
        streams=ensemble.streams,
        taken=resident_bytes(),
        merged_on=device_ops.device if device_ops else "cpu",
        notes=ensemble.notes,
    )


def _explain_member(member: Member, weight: float, batches: Sequence[ImagesNHWC]) -> MemberPlan:
    return MemberPlan(
        name=member.name,
        share=member.weight / weight,
        views=member.views,
        runtime=str(member.runtime.describe()),
        taken=memory_growth(member.runtime, batches),
        placement=member.runtime.placement(batches[0]),
        milliseconds=milliseconds_per_pass(member.runtime, batches[0]),
    )
