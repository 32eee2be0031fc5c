"""From a spec to members that are ready to run."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from seg.card import ModelCard
from seg.data import open_split
from seg.data.raster import Raster, open_raster
from seg.engine.member import Member
from seg.engine.merging.device_graphs import DeviceOps
from seg.engine.passes.tiles import lay_out
from seg.engine.pipeline.prefetch import MOST_AHEAD
from seg.engine.runtimes.auto import choose_runtimes, have_one_size
from seg.engine.runtimes.base import Runtime, Streams
from seg.engine.runtimes.decoder_cut import Decoder, find_decoder
from seg.engine.runtimes.hardware import default_streams, usable_cores
from seg.engine.runtimes.nvidia import CudaOptions, needs_nvidia
from seg.engine.runtimes.offload_plan import OffloadPlan, plan_offload
from seg.engine.runtimes.open import default_batch_size, open_runtime
from seg.engine.runtimes.reordered import in_dataset_order
from seg.errors import DataError
from seg.experimental import warnings_of
from seg.labels import ImageHWC
from seg.member_files import MemberFile, read_member_files
from seg.spec import EnsembleSpec
from seg.spec.prediction import RuntimeName, TileSpec

PROBES: Final = 2
PROBE_SIDE: Final = 512


@dataclass(frozen=True, slots=True)
class Probe:
    """A frame like those to come, to measure on: an image, or the tile in its middle, one of so many."""

    frame_hwc: ImageHWC
    tiles: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """Members with what was found out while loading them; notes are for the user, a line each.

    `factors` has one for each class, or none. `open_frames` is how many frames memory allows, where a
    budget says so. `device_ops` is there where answers can stay on a device.
    """

    members: tuple[Member, ...]
    batch_size: int
    factors: tuple[float, ...]
    notes: tuple[str, ...]
    open_frames: int = 0
    device_ops: DeviceOps | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What runs each member, on what streams; notes are for the user, a line each.

    `batch_size` is 0 where it was not measured. `channels_last` names the members that ran faster with that.
    """

    runtimes: Sequence[RuntimeName]
    streams: Streams
    notes: Sequence[str] = ()
    batch_size: int = 0
    channels_last: Sequence[str] = ()


def load_members(
    spec: EnsembleSpec,
    memory: int | None = None,
    cores: int | None = None,
    runtimes: Sequence[RuntimeName] | None = None,
) -> Loaded:
    """Check and load every member's model.

    Args:
        memory: the bytes that this process may take; members that do not fit together take turns.
        cores: those that it may use; by default all that it can. With `runtime: auto`, which measures, all.
        runtimes: one for each member, where they are chosen already; by default as the spec says.

    Raises:
        ModelError: a model is missing, not ours, damaged, or has other classes than the dataset.
        MissingRuntimeError: the runtime that the spec asks for is not here.
        SpecError: a factor or weight is for no class of the models.
    """
    files = read_member_files(spec)
    cards = [file.card for file in files]
    classes = cards[0].classes
    factors, class_weights = spec.factors_of(classes), spec.class_weights_of(classes)
    to_decoder = spec.merge_at == "decoder"
    decoders = [
        find_decoder(spec.model(member), card) if to_decoder else None
        for member, card in zip(spec.running, cards, strict=True)
    ]
    streams = default_streams(cores or usable_cores())
    chosen = Chosen(runtimes, streams) if runtimes else choose_for(spec, streams)
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
            files,
            chosen.runtimes,
            decoders,
            _cuda_options(spec, cards, chosen, memory),
            strict=True,
        )
    ]
    batch_size = _batch_size(spec, chosen)
    if memory is None:
        turns = OffloadPlan([open_it() for open_it in openers])
    else:
        in_flight = batch_size * (chosen.streams.count + 1)
        frames = [probe.frame_hwc for probe in probe_frames(spec)]
        turns = plan_offload(
            openers, frames, len(cards[0].classes), batch_size, in_flight, MOST_AHEAD, memory
        )
    members = tuple(
        Member(member.name, runtime, card, member.weight, spec.views_of(member), own, decoder)
        for member, card, runtime, own, decoder in zip(
            spec.running, cards, turns.runtimes, class_weights, decoders, strict=True
        )
    )
    all_notes = (*chosen.notes, *turns.notes, *_cells(members), *_unfamiliar(members))
    device_ops = _device_ops(spec, turns.runtimes, len(classes))
    return Loaded(members, batch_size, factors, all_notes, turns.open_frames, device_ops)


def _open_member(
    file: MemberFile,
    name: RuntimeName,
    streams: Streams,
    temperature: float,
    decoder: Decoder | None,
    cuda: CudaOptions,
) -> Runtime:
    """A member's model, whose probabilities are of the dataset's classes in their order."""
    classes = len(file.card.classes)
    runtime = open_runtime(file.path, name, streams, temperature, classes=classes, decoder=decoder, cuda=cuda)
    return in_dataset_order(runtime, file.channels)


def _device_ops(spec: EnsembleSpec, runtimes: Sequence[Runtime], classes: int) -> DeviceOps | None:
    """What merges answers on the device that all runtimes leave them on; on the CPU arrays do."""
    on_one_device = {runtime.device for runtime in runtimes} == {"cuda"}
    is_plain_mean = spec.merge == "mean" and spec.merge_at == "image"
    return DeviceOps("cuda", classes) if on_one_device and is_plain_mean else None


def choose_for(spec: EnsembleSpec, streams: Streams) -> Chosen:
    """What runs the members: by name on `streams`, or with `runtime: auto` what is the fastest here."""
    if spec.runtime != "auto":
        return Chosen([spec.runtime] * len(spec.running), streams, _warnings([spec.runtime]))
    models = [spec.model(member) for member in spec.running]
    frames = [probe.frame_hwc for probe in probe_frames(spec)]
    choice = choose_runtimes(models, frames, spec.batch_size)
    names = [member.name for member in spec.running]
    return Chosen(
        choice.runtimes,
        choice.streams,
        [*choice.summaries(names), *_warnings(choice.runtimes)],
        choice.batch_size,
        [name for name, winner in zip(names, choice.winners, strict=True) if winner.channels_last],
    )


def _warnings(runtimes: Sequence[RuntimeName]) -> list[str]:
    return warnings_of(f"runtime: {name}" for name in runtimes)


def _cuda_options(
    spec: EnsembleSpec, cards: Sequence[ModelCard], chosen: Chosen, memory: int | None
) -> list[CudaOptions]:
    """How each member uses an NVIDIA device, whose memory is shared out evenly where it is limited."""
    if not needs_nvidia(chosen.runtimes):
        return [CudaOptions()] * len(cards)
    is_one_size = have_one_size([probe.frame_hwc for probe in probe_frames(spec)])
    return [
        CudaOptions(
            fixed_shapes=is_one_size or card.input.mode == "resize",
            channels_last=member.name in chosen.channels_last,
            memory=memory and memory // len(cards),
        )
        for member, card in zip(spec.running, cards, strict=True)
    ]


def probe_frames(spec: EnsembleSpec) -> list[Probe]:
    """A few of the images to be predicted, or, on a machine that has none, a drawn one."""
    try:
        samples = open_split(spec.data, "predict").samples
        chosen = samples[:: max(1, len(samples) // PROBES)][:PROBES]
        return [_probe(open_raster(sample.image), spec.tile) for sample in chosen]
    except DataError:
        slope = np.linspace(0, 255, PROBE_SIDE, dtype=np.uint8)
        drawn_hwc = np.stack(np.broadcast_arrays(slope, slope[:, None], slope[::-1]), axis=-1)
        return [_probe(drawn_hwc, spec.tile)]


def _probe(image_hwc: Raster, tile: TileSpec | None) -> Probe:
    layout = lay_out(image_hwc.shape[:2], tile)
    middle_hwc = layout.tile(image_hwc, layout.count // 2)
    return Probe(np.ascontiguousarray(middle_hwc), layout.count)


def _batch_size(spec: EnsembleSpec, chosen: Chosen) -> int:
    if spec.batch_size != "auto":
        return spec.batch_size
    if spec.runtime == "tensorrt-plan":
        return spec.export.plan.batch
    return chosen.batch_size or max(map(default_batch_size, chosen.runtimes))


def _cells(members: Sequence[Member]) -> list[str]:
    sides = [(member.name, member.decoder.cell) for member in members if member.decoder]
    said = ", ".join(f"{name} in cells of {cell}x{cell} pixels" for name, cell in sides)
    return [f"merged where decoders end: {said}"] if sides else []


def _unfamiliar(members: Sequence[Member]) -> list[str]:
    return [
        f"{member.name}: was not trained in the views {', '.join(member.unfamiliar_views)}, which may"
        " lower the score"
        for member in members
        if member.unfamiliar_views
    ]
