"""`seg export --fuse`: a whole ensemble as one verified ONNX file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seg.commands.ensemble.source import EnsembleSource
from seg.commands.options.shared import print_table
from seg.errors import OutputError
from seg.export.fuse.output_names import FusedOutput
from seg.terminal.notices import suggest_next

if TYPE_CHECKING:
    from seg.export.fuse.card import EnsembleCard, FusionCheck
    from seg.spec import EnsembleSpec


def export_fused(
    source: EnsembleSource, outputs: Sequence[FusedOutput], output: Path | None, overwrite: bool
) -> None:
    """Write `output`, or a file named after the ensemble in its folder of runs, and say how good it is."""
    from seg.data.files_read import files_read_by_spec
    from seg.export.fuse.existing_model import refuse_fused_of_others
    from seg.export.fuse.fuse import FusionRequest, fuse_ensemble
    from seg.export.onnx_file.save import is_fused
    from seg.files.outputs import Output

    spec = source.spec
    output = output or spec.runs / f"{source.name}.onnx"
    if output.suffix != ".onnx":
        raise OutputError(f"{output}: a fused model is an ONNX file: give it a name that ends in .onnx")
    if not overwrite:
        refuse_fused_of_others(output, [member.name for member in spec.running])
    target = Output(output, (*source.reads, *files_read_by_spec(spec)), overwrite or is_fused(output))
    with target.writing() as final:
        card = fuse_ensemble(spec, FusionRequest.of(source.name, outputs), final)
    print_fused_model(output, spec, card)
    suggest_next(f'onnxruntime.InferenceSession("{output}").run(None, {{"image": images_nhwc}})')


def print_fused_model(output: Path, spec: "EnsembleSpec", card: "EnsembleCard") -> None:
    """Size, nodes and time against the members', and how the labels agree."""
    from seg.export.fuse.figures import compare_fused_with_members
    from seg.export.onnx_file.verification_images import images_to_verify_on

    image_hwc = images_to_verify_on(spec)[0]
    height, width = image_hwc.shape[:2]
    names = (card.name, "members one by one")
    print_table(
        "",
        ("", "MB", "nodes", f"ms an image of {height}x{width}"),
        [
            (name, f"{figures.megabytes:.1f}", str(figures.nodes), f"{figures.milliseconds:.0f}")
            for name, figures in zip(names, compare_fused_with_members(output, spec, image_hwc), strict=True)
        ],
    )
    if card.verification is not None:
        print_fusion_check(output, spec, card.verification)


def print_fusion_check(model: Path, spec: "EnsembleSpec", found: "FusionCheck") -> None:
    """The share of pixels that agree, the ties among the others, and what of the spec is not in it."""
    typer.echo(
        f"{model}: {found.agreement:.4%} of {found.pixels} pixels are the engine's,"
        f" {found.ties} ties fell otherwise"
    )
    if spec.output.size is not None:
        typer.echo(f"{model}: predicts at the image's own size: output.size is not in it")
