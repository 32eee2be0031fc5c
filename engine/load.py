"""Loading: from a resolved ensemble to members on their runtimes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from seg.engine.member import Member
from seg.engine.member_files import MemberFile
from seg.engine.merging.device_ops import DeviceOps
from seg.engine.passes.plain_tiles import PlainTiles
from seg.engine.pipeline.prefetch import MAX_AHEAD
from seg.engine.resolved import ResolvedEnsemble
from seg.engine.runtimes.auto import choose_runtimes, have_images_one_size
from seg.engine.runtimes.base import Runtime, Streams
from seg.engine.runtimes.decoder_cut import Decoder, find_decoder
from seg.engine.runtimes.hardware import default_streams, usable_cores
from seg.engine.runtimes.nvidia.nvidia import CudaOptions, needs_nvidia
from seg.engine.runtimes.offload_plan import OffloadPlan, plan_offload
from seg.engine.runtimes.open import default_batch_size, open_runtime
from seg.engine.runtimes.reordered import runtime_in_dataset_order
from seg.experimental import warnings_of_experimental
from seg.spec import EnsembleSpec
from seg.spec.ensemble.prediction import RuntimeName
from seg.spec.ensemble.stacking import Stacking
from seg.terminal.notices import notice


@dataclass(frozen=True, slots=True)
class LoadedMembers:
    """Loaded members and what was found while loading them; notes are for the user, a line each.

    `factors` has one for each class, or none. `open_frames` is the number of frames that memory allows, if
    memory is limited. `device_ops` is None unless probabilities can stay on a device. `stacking`
    corrects the mean, if anything does.
    """

    members: tuple[Member, ...]
    batch_size: int
    factors: tuple[float, ...]
    notes: tuple[str, ...]
    open_frames: int = 0
    device_ops: DeviceOps | None = None
    stacking: Stacking | None = None


@dataclass(frozen=True, slots=True)
class ChosenRuntimes:
    """The runtime of each member, and the streams; notes are for the user, a line each.

    `batch_size` is 0 if it was not measured. `channels_last` names the members that run faster with that
    layout.
    """

    runtimes: Sequence[RuntimeName]
    streams: Streams
    notes: Sequence[str] = ()
    batch_size: int = 0
    channels_last: Sequence[str] = ()


def load_members(
    resolved: ResolvedEnsemble,
    memory: int | None = None,
    cores: int | None = None,
    runtimes: Sequence[RuntimeName] | None = None,
) -> LoadedMembers:
    """Load every member's model.

    Args:
        memory: the most bytes that this process may use; members that do not fit together take offload.
        cores: the number to use; by default all that this process may use, as always with `runtime: auto`.
        runtimes: one for each member, if already chosen; by default the spec's.

    Raises:
        ModelError: a model cannot be loaded.
        MissingRuntimeError: the spec's runtime is not usable on this machine.
        SpecError: a factor or weight names no class of the models, or a stacking is for others.
    """
    spec, classes = resolved.spec, resolved.classes
    PlainTiles.of(spec.tile, classes, spec.data.task)  # An unknown class is refused before models are opened.
    cards = [file.card for file in resolved.files]
    factors, class_weights = spec.factors_of(classes), spec.class_weights_of(classes)
    stacking = spec.stacking_of(classes)
    to_decoder = spec.merge_at == "decoder"
    decoders = [find_decoder(file.path, file.card) if to_decoder else None for file in resolved.files]
    streams = default_streams(cores or usable_cores())
    chosen = ChosenRuntimes(runtimes, streams) if runtimes else choose_member_runtimes(resolved, streams)
    openers = [
        partial(
            _open_member,
            file,
            runtime,
            chosen.streams,
            member.temperature,
            decoder,
            options,
        )
        for member, file, runtime, decoder, options in zip(
            spec.running,
            resolved.files,
            chosen.runtimes,
            decoders,
            _cuda_options_of_members(resolved, chosen, memory),
            strict=True,
        )
    ]
    batch_size = _batch_size_of_ensemble(spec, chosen)
    if memory is None:
        offload = OffloadPlan([open_it() for open_it in openers])
    else:
        in_flight = batch_size * (chosen.streams.count + 1)
        frames = [sample.frame_hwc for sample in resolved.sample_frames]
        offload = plan_offload(openers, frames, len(classes), batch_size, in_flight, MAX_AHEAD, memory)
    members = tuple(
        Member(member.name, runtime, card, member.weight, spec.views_of(member), own, decoder)
        for member, card, runtime, own, decoder in zip(
            spec.running, cards, offload.runtimes, class_weights, decoders, strict=True
        )
    )
    all_notes = (
        *chosen.notes,
        *offload.notes,
        *_decoder_grid_notes(members),
        *_unfamiliar_view_notes(members),
    )
    device_ops = _device_ops_of_runtimes(spec, offload.runtimes, len(classes))
    return LoadedMembers(members, batch_size, factors, all_notes, offload.open_frames, device_ops, stacking)


def _open_member(
    file: MemberFile,
    name: RuntimeName,
    streams: Streams,
    temperature: float,
    decoder: Decoder | None,
    cuda: CudaOptions,
) -> Runtime:
    """Open a member's model, with its output channels in the order of the dataset's classes."""
    own = file.own
    runtime = open_runtime(
        file.path,
        name,
        streams,
        temperature,
        classes=len(own.classes),
        task=own.task,
        image_type=file.card.input.image_type,
        decoder=decoder,
        cuda=cuda,
    )
    return runtime_in_dataset_order(runtime, file.channels, len(own.classes))


def _device_ops_of_runtimes(
    spec: EnsembleSpec, runtimes: Sequence[Runtime], classes: int
) -> DeviceOps | None:
    """The device merge, if all runtimes leave their probabilities on the GPU."""
    on_one_device = {runtime.device for runtime in runtimes} == {"cuda"}
    has_specialists = any(member.covers for member in spec.running)
    is_plain_mean = (
        spec.merge == "mean" and spec.merge_at == "image" and not has_specialists and not spec.stacking
    )
    return DeviceOps("cuda", classes) if on_one_device and is_plain_mean else None


def choose_member_runtimes(resolved: ResolvedEnsemble, streams: Streams) -> ChosenRuntimes:
    """The runtimes of the members: the spec's on `streams`, or with `runtime: auto` the fastest here."""
    spec = resolved.spec
    if spec.runtime != "auto":
        _warn_of_experimental([spec.runtime])
        return ChosenRuntimes([spec.runtime] * len(spec.running), streams)
    frames = [sample.frame_hwc for sample in resolved.sample_frames]
    choice = choose_runtimes(resolved.files, frames, spec.batch_size)
    _warn_of_experimental(choice.runtimes)
    names = [member.name for member in spec.running]
    return ChosenRuntimes(
        choice.runtimes,
        choice.streams,
        choice.summaries(names),
        choice.batch_size,
        [name for name, winner in zip(names, choice.winners, strict=True) if winner.channels_last],
    )


def _warn_of_experimental(runtimes: Sequence[RuntimeName]) -> None:
    for line in warnings_of_experimental(f"runtime: {name}" for name in runtimes):
        notice(line)


def _cuda_options_of_members(
    resolved: ResolvedEnsemble, chosen: ChosenRuntimes, memory: int | None
) -> list[CudaOptions]:
    """Options of each member on an NVIDIA device; limited memory is divided evenly."""
    if not needs_nvidia(chosen.runtimes):
        return [CudaOptions()] * len(resolved.files)
    is_one_size = have_images_one_size([sample.frame_hwc for sample in resolved.sample_frames])
    return [
        CudaOptions(
            fixed_shapes=is_one_size or file.card.input.mode == "resize",
            channels_last=member.name in chosen.channels_last,
            memory=memory and memory // len(resolved.files),
        )
        for member, file in zip(resolved.spec.running, resolved.files, strict=True)
    ]


def _batch_size_of_ensemble(spec: EnsembleSpec, chosen: ChosenRuntimes) -> int:
    if spec.batch_size != "auto":
        return spec.batch_size
    if spec.runtime == "tensorrt-plan":
        return spec.export.plan.batch
    return chosen.batch_size or max(map(default_batch_size, chosen.runtimes))


def _decoder_grid_notes(members: Sequence[Member]) -> list[str]:
    factors = [(member.name, member.decoder.upsampling) for member in members if member.decoder]
    grids = ", ".join(f"{name} at 1/{factor}" for name, factor in factors)
    return [f"merged at the decoders' resolution: {grids} of the image's sides"] if factors else []


def _unfamiliar_view_notes(members: Sequence[Member]) -> list[str]:
    return [
        f"{member.name}: was not trained in the views {', '.join(member.unfamiliar_views)}, which may"
        " lower the score"
        for member in members
        if member.unfamiliar_views
    ]
