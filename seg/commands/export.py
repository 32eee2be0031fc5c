"""`seg export`: one checkpoint in, one verified ONNX file out, for each member."""

from typing import TYPE_CHECKING

import typer

from seg.commands.shared import MemberName, SpecPath, chosen_members, require_extra
from seg.errors import ModelError

if TYPE_CHECKING:
    from seg.labels import ImageHWC
    from seg.spec import EnsembleSpec

VERIFICATION_IMAGES = 6


def export(
    path: SpecPath,
    member: MemberName = None,
    force: bool = typer.Option(False, "--force", help="Export again what is exported already."),
) -> None:
    """Export each member to ONNX and verify it against PyTorch on validation images."""
    require_extra("train", "torch", "seg export")
    from seg.export.export import export_checkpoint, is_exported
    from seg.spec import load_ensemble

    spec = load_ensemble(path)
    for one in chosen_members(path, spec, member):
        checkpoint, model = spec.checkpoint(one), spec.model(one)
        if one.model is not None:
            typer.echo(f"{one.name}: uses the finished model {one.model}")
            continue
        if not checkpoint.exists():
            raise ModelError(f"{checkpoint}: is not there: train it first: seg train {path}")
        if is_exported(checkpoint, model) and not force:
            typer.echo(f"{one.name}: exported already: {model}")
            continue
        verification = export_checkpoint(checkpoint, model, _some_images(spec)).verification
        if verification is not None:
            typer.echo(
                f"{one.name}: label agreement {verification.label_agreement:.4%},"
                f" largest difference {verification.largest_difference:.1e}: {model}"
            )


def _some_images(spec: "EnsembleSpec") -> "list[ImageHWC]":
    """Validation images spread evenly over the split."""
    from seg.data import open_split, read_image

    samples = open_split(spec.data, "val").samples
    step = max(1, len(samples) // VERIFICATION_IMAGES)
    return [read_image(sample.image) for sample in samples[::step][:VERIFICATION_IMAGES]]
