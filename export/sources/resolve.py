"""Complete a member's declaration: from its YAML, else from what the source says, else as is usual."""

from collections.abc import Sequence
from typing import Final

from seg.errors import ModelError
from seg.export.sources.classes import NetworkClasses, map_source_classes
from seg.export.sources.declaration import (
    KINDS_APART,
    Declaration,
    InputDeclaration,
    OutputDeclaration,
    SourceFacts,
)
from seg.labels.classes import ClassInfo
from seg.labels.task import Task
from seg.spec import MemberSpec
from seg.spec.ensemble.imported import OutputKind
from seg.spec.recipe.recipe import InputMode

USUAL_STRIDE: Final = 32


def resolve_declaration(
    member: MemberSpec,
    facts: SourceFacts,
    ours: Sequence[ClassInfo],
    background: str | None = None,
    task: Task = "multiclass",
) -> Declaration:
    """The complete declaration of a member with `checkpoint` or `onnx`.

    Args:
        member: what the YAML declares.
        facts: what the source says.
        ours: the dataset's classes.
        background: the dataset's class of unlabelled pixels, if it has one.
        task: of the dataset.

    Raises:
        ModelError: something is declared otherwise than the source has it, or is neither declared nor said;
            the message names the key.
    """
    assumed: list[str] = []
    fed = _resolve_input(member, facts, assumed)
    count = facts.count or len(member.output.classes or facts.names)
    if not count and "labels" in (member.output.kind, facts.kind):
        count = max((int(name) + 1 for name in member.classes or () if name.isdecimal()), default=len(ours))
    if not count:
        raise ModelError(
            f"{member.source}: does not say how many classes it has: add 'output: {{ classes: [...] }}' with"
            " their names by channel"
        )
    kind = member.output.kind or facts.kind or _usual_kind_of_output(count, assumed)
    network = NetworkClasses(count, kind in KINDS_APART, facts.names)
    classes, has_rest = map_source_classes(member, network, ours, background, assumed, task)
    output = OutputDeclaration(
        kind=kind,
        count=count,
        has_rest=has_rest,
        name=member.output.name or facts.output_name,
        layout=member.output.layout or facts.output_layout or "nchw",
        resample=member.output.resample or facts.upsample or ("nearest" if kind == "labels" else "bilinear"),
    )
    return Declaration(fed, output, classes, tuple(assumed), task)


def _resolve_input(member: MemberSpec, facts: SourceFacts, assumed: list[str]) -> InputDeclaration:
    declared = member.input
    mode, size_hw = _resolve_mode_and_size(member, facts)
    channels = declared.channels or facts.channels
    if channels is None:
        channels = "grey" if facts.input_channels == 1 else "rgb"
        assumed.append(f"channels: {channels}")
    if (channels == "grey") != (facts.input_channels == 1):
        raise ModelError(
            f"{member.source}: takes {facts.input_channels} channels, and 'input.channels' is {channels}:"
            " correct it"
        )
    if mode == "pad" and not (declared.stride or facts.stride):
        assumed.append(f"stride: {USUAL_STRIDE}")
    if mode == "resize" and not (declared.resample or facts.resample):
        assumed.append("resample: bilinear")
    return InputDeclaration(
        layout=declared.layout or facts.input_layout or "nchw",
        channels=channels,
        scale=_resolve_pixel_scale(member, facts),
        mean=_resolved_for_each_channel(declared.mean or facts.mean or (0.0,), facts.input_channels),
        std=_resolved_for_each_channel(declared.std or facts.std or (1.0,), facts.input_channels),
        dtype=facts.dtype,
        mode=mode,
        size_hw=size_hw,
        stride=declared.stride or facts.stride or USUAL_STRIDE,
        resample=declared.resample or facts.resample or "bilinear",
    )


def _resolve_mode_and_size(
    member: MemberSpec, facts: SourceFacts
) -> tuple[InputMode, tuple[int, int] | None]:
    """A declared mode; else resize where a size is declared or said; else what the source says."""
    declared = member.input
    size_hw = declared.size or facts.size_hw
    mode: InputMode = "resize" if size_hw else "pad"
    if "mode" in declared.model_fields_set:
        mode = declared.mode
    elif facts.mode and not declared.size:
        mode = facts.mode
    if mode == "pad":
        return mode, None
    if size_hw is None:
        raise ModelError(
            f"{member.source}: does not say its size, which mode {mode} needs: add 'input: {{ size: ... }}'"
        )
    return mode, size_hw


def _resolve_pixel_scale(member: MemberSpec, facts: SourceFacts) -> float:
    if facts.dtype == "uint8":
        return member.input.scale or 1.0
    scale = member.input.scale or facts.scale
    if scale is None:
        raise ModelError(
            f"{member.source}: does not say how its pixels are scaled: add 'input: {{ scale: 1/255, mean:"
            " [...], std: [...] }' as it was trained"
        )
    return scale


def _resolved_for_each_channel(numbers: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return numbers * channels if len(numbers) == 1 else numbers


def _usual_kind_of_output(count: int, assumed: list[str]) -> OutputKind:
    kind: OutputKind = "sigmoid-logits" if count == 1 else "logits"
    assumed.append(f"output: {kind}")
    return kind
