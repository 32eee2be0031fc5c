"""Dry runs: the passes, runtimes, time and memory of `seg ensemble`, without a prediction."""

from collections.abc import Sequence
from dataclasses import dataclass

from seg.engine.ensemble import Ensemble
from seg.engine.member import Member, default_pass_order
from seg.engine.passes.device_values import Device
from seg.engine.resolved import resolve_ensemble
from seg.engine.runtimes.base import ImagesNHWC, Placement
from seg.engine.runtimes.offload_plan import batches_in_both_orientations
from seg.engine.runtimes.profiling import memory_growth, milliseconds_per_pass, resident_bytes
from seg.spec import EnsembleSpec
from seg.views import ViewName


@dataclass(frozen=True, slots=True)
class MemberCost:
    """One member's share of the merge, its runtime, and the cost of a pass.

    Attributes:
        share: of the merge, for all views together.
        runtime: name, library, device and streams.
        placement: the devices of its nodes.
        milliseconds: wall time a pass with all streams busy.
        memory: bytes by which the process grows when it runs.
    """

    name: str
    share: float
    views: tuple[ViewName, ...]
    runtime: str
    placement: Placement
    milliseconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """The expected run.

    Attributes:
        tiles: of the first image.
        memory: bytes of the process with everything loaded.
        merged_on: the device on which probabilities are merged.
    """

    members: tuple[MemberCost, ...]
    images: int
    tiles: int
    batch_size: int
    streams: int
    memory: int
    merged_on: Device
    notes: tuple[str, ...]

    @property
    def passes(self) -> int:
        """The number of passes of one image."""
        return self.tiles * sum(len(member.views) for member in self.members)

    @property
    def seconds(self) -> float:
        """Seconds of the networks for all images, if all are like the first."""
        one_tile = sum(len(member.views) * member.milliseconds for member in self.members)
        return self.images * self.tiles * one_tile / 1e3


def explain_ensemble(spec: EnsembleSpec, memory: int | None = None) -> Explanation:
    """Load the members and time each on one of the images; nothing is written.

    Args:
        memory: the most bytes that the run may use.

    Raises:
        SpecError, ModelError, MissingRuntimeError, DataError: one line that names the fix.
    """
    resolved = resolve_ensemble(spec)
    probe = resolved.sample_frames[0]
    ensemble = Ensemble.of(resolved, memory=memory)
    batches = batches_in_both_orientations([probe.frame_hwc], ensemble.batch_size)
    weight = sum(member.weight for member in ensemble.members)
    device_ops = ensemble.device_ops_for(
        default_pass_order(ensemble.members), has_monitor=spec.stopping is not None
    )
    return Explanation(
        members=tuple(_explain_member(member, weight, batches) for member in ensemble.members),
        images=len(resolved.samples),
        tiles=probe.tiles,
        batch_size=ensemble.batch_size,
        streams=ensemble.streams,
        memory=resident_bytes(),
        merged_on=device_ops.device if device_ops else "cpu",
        notes=ensemble.notes,
    )


def _explain_member(member: Member, weight: float, batches: Sequence[ImagesNHWC]) -> MemberCost:
    return MemberCost(
        name=member.name,
        share=member.weight / weight,
        views=member.views,
        runtime=str(member.runtime.describe()),
        memory=memory_growth(member.runtime, batches),
        placement=member.runtime.placement(batches[0]),
        milliseconds=milliseconds_per_pass(member.runtime, batches[0]),
    )
