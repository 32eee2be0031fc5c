"""`seg export --fuse`: a whole ensemble as one verified ONNX file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seg.commands.shared import print_table, some_images
from seg.errors import DataError, OutputError
from seg.export.fuse.output_names import FusedOutput

if TYPE_CHECKING:
    from seg.export.fuse.card import EnsembleCard, FusionCheck
    from seg.export.fuse.check import Reference_
    from seg.export.fuse.fuse import FusionRequest
    from seg.labels import ImageHWC
    from seg.spec import EnsembleSpec


def fuse(
    path: Path, spec: "EnsembleSpec", gives: Sequence[FusedOutput], output: Path | None, overwrite: bool
) -> None:
    """Write `output`, or a file named after the spec in its folder of runs, and say how good it is."""
    from seg.export.onnx_file.save import is_fused
    from seg.outputs import Output
    from seg.spec.reads import files_read

    output = output or spec.runs / f"{path.stem}.onnx"
    if output.suffix != ".onnx":
        raise OutputError(f"{output}: a fused model is an ONNX file: give it a name that ends in .onnx")
    target = Output(output, (path, *files_read(spec)), overwrite or is_fused(output))
    with target.writing() as final:
        card = fuse_verified(path.stem, spec, gives, final)
    report(output, spec, card)


def fuse_verified(
    name: str, spec: "EnsembleSpec", gives: Sequence[FusedOutput], output: Path
) -> "EnsembleCard":
    """Write a fused model that agrees with the engine."""
    from seg.export.fuse.fuse import fuse_ensemble

    return fuse_ensemble(spec, request_of(name, gives), output, images_to_verify_on(spec), reference_of(spec))


def request_of(name: str, gives: Sequence[FusedOutput]) -> "FusionRequest":
    """What is asked for; labels where nothing is."""
    from seg.export.fuse.fuse import FusionRequest

    return FusionRequest(name, tuple(dict.fromkeys(gives)) or (FusedOutput.labels,))


def images_to_verify_on(spec: "EnsembleSpec") -> "list[ImageHWC]":
    """Validation images; on a machine that has none, some to predict, or a drawn one."""
    from seg.engine.load import sample_frames

    try:
        return some_images(spec)
    except DataError:
        return [probe.frame_hwc for probe in sample_frames(spec)]


def report(output: Path, spec: "EnsembleSpec", card: "EnsembleCard") -> None:
    """Size, nodes and time against the members', and how the labels agree."""
    from seg.export.fuse.figures import compare

    image_hwc = images_to_verify_on(spec)[0]
    height, width = image_hwc.shape[:2]
    names = (card.name, "members one by one")
    print_table(
        "",
        ("", "MB", "nodes", f"ms an image of {height}x{width}"),
        [
            (name, f"{figures.megabytes:.1f}", str(figures.nodes), f"{figures.milliseconds:.0f}")
            for name, figures in zip(names, compare(output, spec, image_hwc), strict=True)
        ],
    )
    if card.verification is not None:
        say_how_it_agrees(output, spec, card.verification)


def say_how_it_agrees(model: Path, spec: "EnsembleSpec", found: "FusionCheck") -> None:
    """The share of pixels that agree, the ties among the others, and what of the spec is not in it."""
    typer.echo(
        f"{model}: {found.agreement:.4%} of {found.pixels} pixels are the engine's,"
        f" {found.ties} ties fell otherwise"
    )
    if spec.output.size is not None:
        typer.echo(f"{model}: answers at the image's own size: output.size is not in it")


def reference_of(spec: "EnsembleSpec") -> "Reference_":
    """What the engine says of an image on the CPU, and where a tie decided it."""
    from seg.engine import Ensemble
    from seg.engine.merging.decision import margins
    from seg.export.fuse.check import LEAST_LEAD, Expected

    ensemble = Ensemble.load(spec.model_copy(update={"runtime": "cpu", "merge_at": "image"}))
    apart = replace(ensemble, merge="mean")
    passes = [
        apart.only([member.name]).with_views((view,)) for member in ensemble.members for view in member.views
    ]

    def witness(image_hwc: "ImageHWC") -> Expected:
        merged = ensemble.predict(image_hwc)
        tied_hw = margins(merged.probabilities) < LEAST_LEAD
        tied_hw |= ensemble.decision().margins(merged.probabilities) < LEAST_LEAD
        # A tie within one pass turns its vote, whatever the others say.
        for one in passes if spec.merge == "vote" else ():
            tied_hw |= margins(one.predict(image_hwc).probabilities) < LEAST_LEAD
        return Expected(merged.labels, merged.probabilities, tied_hw)

    return witness
