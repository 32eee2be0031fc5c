"""`seg export`: one checkpoint in, one verified ONNX file out, for each member."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seg.commands.ensemble.source import (
    Data,
    EnsembleSource,
    SpecOrModels,
    Views,
    Weights,
    are_models,
    resolve_ensemble_source,
)
from seg.commands.export.formats import FORMATS_OF_WHOLE_ENSEMBLE, ExportFormat, convert_exported_model
from seg.commands.export.imported import export_imported_member
from seg.commands.next_command import suggest_tuning_or_ensemble
from seg.commands.options.shared import MemberName, Overwrite, chosen_members, print_table, require_extra
from seg.errors import ModelError, SegError
from seg.experimental import help_marked_experimental
from seg.export.fuse.output_names import FusedOutput
from seg.terminal.events import emit_event

if TYPE_CHECKING:
    from seg.models.card import ModelCard, PrecisionCard
    from seg.spec import EnsembleSpec, ExportSpec, MemberSpec


class Precision(StrEnum):
    """What may be asked for."""

    auto = "auto"
    fp32 = "fp32"
    fp16 = "fp16"
    bf16 = "bf16"
    int8 = "int8"


def export_command(
    paths: SpecOrModels,
    member: MemberName = None,
    precision: Annotated[
        Precision | None, typer.Option(help="By default the spec's; auto takes the fastest that passes.")
    ] = None,
    format_: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help=help_marked_experimental(
                "Another format to write, from model.onnx.", "--format tensorrt", "--format tensorrt-rtx"
            ),
        ),
    ] = ExportFormat.onnx,
    force: bool = typer.Option(False, "--force", help="Export again what is exported already."),
    fuse: bool = typer.Option(
        False, "--fuse", help="Make one file of the whole ensemble, whose members are exported."
    ),
    outputs: Annotated[
        list[FusedOutput] | None,
        typer.Option(
            metavar="NAME...", help="Of the fused file: labels (default), probabilities, confidence."
        ),
    ] = None,
    views: Views = None,
    weights: Weights = None,
    data: Data = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="PATH", help="The fused file, or the model repository."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Export each member to ONNX and verify it against PyTorch on validation images.

    With --fuse, make one ONNX file of all members, their views and their merge, verified against the engine:
    images in, labels out. With --format triton, put that file into a model repository; with
    triton-ensemble, each member and the merge apart.
    """
    if fuse or format_ in FORMATS_OF_WHOLE_ENSEMBLE:
        _refuse_options_of_members(member, precision, format_, force)
        source = resolve_ensemble_source(paths, views=views, weights=weights, data=data)
        _writer_of_whole_ensemble(format_)(source, outputs or (), output, overwrite)
        return
    if are_models(paths):
        raise SegError(f"{paths[0]}: is exported already: add --fuse to make one file of exported models")
    of_whole = {
        "--outputs": outputs,
        "--views": views,
        "--weights": weights,
        "--data": data,
        "--output": output,
        "--overwrite": overwrite,
    }
    for option in (option for option, value in of_whole.items() if value):
        raise SegError(f"seg export: {option} is about a fused file: add --fuse")
    from seg.models.model_file import read_model_card

    path, spec = paths[0], resolve_ensemble_source(paths).spec
    request = (
        spec.export if precision is None else spec.export.model_copy(update={"precision": precision.value})
    )
    # What nobody asks for again does not undo what was chosen before.
    asked = precision is not None or bool({"precision", "opset"} & spec.export.model_fields_set)
    for one in chosen_members(path, spec, member):
        if one.model is not None:
            read_model_card(one.model)
            typer.echo(f"{one.name}: uses the finished model {one.model}")
        elif one.source is not None:
            _print_export(
                one.name,
                spec.model(one),
                export_imported_member(spec, one, request, is_asked=asked, force=force),
            )
        else:
            _export_trained_member(path, spec, one, request, is_asked=asked, force=force)
        emit_event("output", path=str(spec.model(one)))
        if format_ is not ExportFormat.onnx:
            from seg.export.onnx_file.verification_images import validation_images

            convert_exported_model(format_, spec, one, validation_images(spec.data))
    suggest_tuning_or_ensemble(path, spec)


def _export_trained_member(
    path: Path, spec: "EnsembleSpec", one: "MemberSpec", request: "ExportSpec", *, is_asked: bool, force: bool
) -> None:
    """Export what `seg train` trained, unless it is exported already."""
    require_extra("train", "torch", "seg export")
    from seg.export.export import export_checkpoint, is_exported
    from seg.export.onnx_file.save import refuse_foreign_model
    from seg.export.onnx_file.verification_images import validation_images
    from seg.export.precision.trial import trial_on_this_machine

    checkpoint, model = spec.checkpoint(one), spec.model(one)
    if not checkpoint.exists():
        raise ModelError(f"{checkpoint}: is not there: train it first: seg train {path}")
    if not force:
        if is_exported(checkpoint, model, request if is_asked else None):
            typer.echo(f"{one.name}: exported already: {model}")
            return
        refuse_foreign_model(model)
    trial = None if request.precision == "fp32" else trial_on_this_machine(checkpoint, spec.data, request)
    _print_export(
        one.name,
        model,
        export_checkpoint(checkpoint, model, validation_images(spec.data), trial, request.opset),
    )


def _writer_of_whole_ensemble(
    format_: ExportFormat,
) -> Callable[[EnsembleSource, Sequence[FusedOutput], Path | None, bool], None]:
    """What writes an ensemble as one file, or as a model repository."""
    from seg.commands.export.fuse import export_fused
    from seg.commands.export.triton import export_fused_to_triton, export_members_to_triton

    return {
        ExportFormat.triton: export_fused_to_triton,
        ExportFormat.triton_ensemble: export_members_to_triton,
    }.get(format_, export_fused)


def _refuse_options_of_members(
    member: str | None, precision: Precision | None, format_: ExportFormat, force: bool
) -> None:
    """Files of the whole ensemble are made each time, from the exported members."""
    said = {
        "--member": member is not None,
        "--precision": precision is not None,
        f"--format {format_}": format_ not in FORMATS_OF_WHOLE_ENSEMBLE | {ExportFormat.onnx},
        "--force": force,
    }
    for option in (option for option, is_said in said.items() if is_said):
        raise SegError(f"seg export: {option} is about members, not the whole: do one after the other")


def _print_export(name: str, model: Path, card: "ModelCard | None") -> None:
    if card is None:
        return
    if card.verification is not None:
        typer.echo(
            f"{name}: label agreement {card.verification.label_agreement:.4%},"
            f" largest difference {card.verification.largest_difference:.1e}: {model}"
        )
    if card.precision_choice is not None:
        _print_precision_choice(name, card.precision_choice)


def _print_precision_choice(name: str, choice: "PrecisionCard") -> None:
    best = choice.candidates[0]
    print_table(
        f"{name}: {best.precision} on {best.runtime}, of what was measured on {choice.images} images",
        ("", "MB", "ms an image", "labels as fp32", "at worst", "mIoU", "worst class", "passes"),
        [
            (
                f"{c.precision} on {c.runtime}",
                f"{c.megabytes:.1f}",
                f"{c.milliseconds:.1f}",
                f"{c.agreement:.2%}",
                f"{c.agreement_at_worst:.2%}",
                f"{c.miou:.4f}",
                f"{c.worst_class} {-c.largest_class_loss:+.2f}",
                "yes" if c.passed else "no",
            )
            for c in choice.candidates
        ],
    )
    if choice.float_layers:
        typer.echo(
            f"{name}: {len(choice.float_layers)} layers stay in float: {', '.join(choice.float_layers)}"
        )
