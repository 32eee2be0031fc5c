"""The formats of `seg export --format`, and the conversion of an exported model."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import typer

from seg.experimental import warnings_of_experimental

if TYPE_CHECKING:
    from seg.labels.label_map import ImageHWC
    from seg.spec import EnsembleSpec, MemberSpec


class ExportFormat(StrEnum):
    """The ONNX model itself, or a format for a certain runtime or server."""

    onnx = "onnx"
    openvino = "openvino"
    tensorrt = "tensorrt"
    tensorrt_rtx = "tensorrt-rtx"
    triton = "triton"
    triton_ensemble = "triton-ensemble"


FORMATS_OF_WHOLE_ENSEMBLE: Final = frozenset({ExportFormat.triton, ExportFormat.triton_ensemble})
"""Formats of the whole ensemble, not of its members."""


def convert_exported_model(
    format_: ExportFormat, spec: "EnsembleSpec", member: "MemberSpec", images: "Sequence[ImageHWC]"
) -> None:
    """Write the format beside the member's model, unless it exists, and print its path."""
    from seg.export.tensorrt_profile import tensorrt_profile

    profile = tensorrt_profile(spec, member)
    match format_:
        case ExportFormat.onnx | ExportFormat.triton | ExportFormat.triton_ensemble:
            return
        case ExportFormat.openvino:
            from seg.export.openvino_ir import write_openvino_ir

            typer.echo(f"{member.name}: {write_openvino_ir(spec.model(member), profile, images)}")
        case ExportFormat.tensorrt | ExportFormat.tensorrt_rtx:
            from seg.engine.runtimes.tensorrt.library import LibraryName, import_tensorrt
            from seg.export.plan_cache import ensure_plan
            from seg.export.tensorrt_builder import target_gpu

            for line in warnings_of_experimental([f"--format {format_}"]):
                typer.echo(line, err=True)
            name: LibraryName = "tensorrt" if format_ is ExportFormat.tensorrt else "tensorrt_rtx"
            library, gpu, memory_gib = import_tensorrt(name), target_gpu(name), spec.export.plan.memory_gib
            plan = ensure_plan(spec.model(member), library, gpu, profile, memory_gib, member.temperature)
            why = "there already" if plan.reason is None else f"built, as {plan.reason}"
            typer.echo(f"{member.name}: {plan.path}: {why}")
