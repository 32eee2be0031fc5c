"""`seg export`: one checkpoint in, one verified ONNX file out, for each member."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seg.commands.formats import WHOLE, Format, convert
from seg.commands.shared import (
    MemberName,
    Overwrite,
    SpecPath,
    chosen_members,
    print_table,
    require_extra,
    some_images,
)
from seg.errors import ModelError, SegError
from seg.experimental import marked
from seg.export.fuse.output_names import FusedOutput

if TYPE_CHECKING:
    from seg.card import ModelCard, PrecisionCard
    from seg.class_order import Channels
    from seg.export.precision.choose import Trial
    from seg.export.precision.measure import Answer
    from seg.spec import EnsembleSpec, ExportSpec


class Precision(StrEnum):
    """What may be asked for."""

    auto = "auto"
    fp32 = "fp32"
    fp16 = "fp16"
    bf16 = "bf16"
    int8 = "int8"


def export(
    path: SpecPath,
    member: MemberName = None,
    precision: Annotated[
        Precision | None, typer.Option(help="Other than the spec's; auto takes the fastest that passes.")
    ] = None,
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            help=marked("What else to write of model.onnx.", "--format tensorrt", "--format tensorrt-rtx"),
        ),
    ] = Format.onnx,
    force: bool = typer.Option(False, "--force", help="Export again what is exported already."),
    fuse: bool = typer.Option(
        False, "--fuse", help="Make one file of the whole ensemble, whose members are exported."
    ),
    give: Annotated[
        list[FusedOutput] | None,
        typer.Option(help="What the fused file gives; may be said again. By default labels."),
    ] = None,
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
    if fuse or format_ in WHOLE:
        _refuse_beside_whole(member, precision, format_, force)
        _export_whole(path, format_, give or (), output, overwrite)
        return
    if give or output or overwrite:
        raise SegError("seg export: --give, --output and --overwrite are those of a fused file: add --fuse")
    require_extra("train", "torch", "seg export")
    from seg.export.export import channels_of_checkpoint, export_checkpoint, is_exported
    from seg.export.onnx_file.save import refuse_foreign_model
    from seg.spec import load_ensemble

    spec = load_ensemble(path)
    request = (
        spec.export if precision is None else spec.export.model_copy(update={"precision": precision.value})
    )
    # What nobody asks for again does not undo what was chosen before.
    asked = precision is not None or bool({"precision", "opset"} & spec.export.model_fields_set)
    for one in chosen_members(path, spec, member):
        checkpoint, model = spec.checkpoint(one), spec.model(one)
        if one.model is not None:
            typer.echo(f"{one.name}: uses the finished model {one.model}")
        elif not checkpoint.exists():
            raise ModelError(f"{checkpoint}: is not there: train it first: seg train {path}")
        elif is_exported(checkpoint, model, request if asked else None) and not force:
            typer.echo(f"{one.name}: exported already: {model}")
        else:
            if not force:
                refuse_foreign_model(model)
            channels = channels_of_checkpoint(checkpoint, spec.data)
            trial = None if request.precision == "fp32" else _trial(spec, request, channels)
            card = export_checkpoint(checkpoint, model, some_images(spec), trial, request.opset)
            _report(one.name, model, card)
        if format_ is not Format.onnx:
            convert(format_, spec, one, some_images(spec))


def _export_whole(
    path: Path, format_: Format, gives: Sequence[FusedOutput], output: Path | None, overwrite: bool
) -> None:
    from seg.commands.fuse import fuse
    from seg.commands.triton import serve, serve_apart
    from seg.spec import load_ensemble

    write = {Format.triton: serve, Format.triton_ensemble: serve_apart}.get(format_, fuse)
    write(path, load_ensemble(path), gives, output, overwrite)


def _refuse_beside_whole(
    member: str | None, precision: Precision | None, format_: Format, force: bool
) -> None:
    """What is made of the whole ensemble is made anew each time, of what is exported."""
    said = {
        "--member": member is not None,
        "--precision": precision is not None,
        f"--format {format_}": format_ not in WHOLE | {Format.onnx},
        "--force": force,
    }
    for option in (option for option, is_said in said.items() if is_said):
        raise SegError(f"seg export: {option} is about members, not the whole: do one after the other")


def _trial(spec: "EnsembleSpec", request: "ExportSpec", channels: "Channels") -> "Trial":
    """Precisions are measured on the very runtimes that will run them, against the dataset's labels."""
    from seg.data import open_split
    from seg.engine.runtimes.base import Streams
    from seg.engine.runtimes.hardware import usable_cores
    from seg.engine.runtimes.open import open_runtime, usable_runtimes
    from seg.engine.runtimes.reordered import in_dataset_order
    from seg.export.precision.choose import Trial

    runtimes = {str(name): name for name in usable_runtimes()}

    def open_model(model: Path, name: str) -> "Answer":
        runtime = open_runtime(model, runtimes[name], Streams(1, usable_cores()))
        return in_dataset_order(runtime, channels).run

    train, val = open_split(spec.data, "train"), open_split(spec.data, "val")
    return Trial(request, train, val, tuple(runtimes), open_model)


def _report(name: str, model: Path, card: "ModelCard") -> None:
    if card.verification is not None:
        typer.echo(
            f"{name}: label agreement {card.verification.label_agreement:.4%},"
            f" largest difference {card.verification.largest_difference:.1e}: {model}"
        )
    if card.precision_choice is not None:
        _print_choice(name, card.precision_choice)


def _print_choice(name: str, choice: "PrecisionCard") -> None:
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
