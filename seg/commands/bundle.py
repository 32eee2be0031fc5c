"""`seg bundle`: an ensemble with all that it needs to predict without internet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seg.commands.ensemble.source import Runtime, SpecOrModels, Views, Weights, resolve_ensemble_source
from seg.commands.options.shared import Overwrite
from seg.terminal.notices import suggest_next

if TYPE_CHECKING:
    from seg.spec import EnsembleSpec


def bundle_command(
    paths: SpecOrModels,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder to write.")],
    views: Views = None,
    weights: Weights = None,
    runtime: Runtime = None,
    python: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="The notebook's Python, such as 3.11.  [default: the one that runs]"
        ),
    ] = None,
    platform: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The notebook's platform, as in the names of wheels.  [default: manylinux_2_28_x86_64]",
        ),
    ] = None,
    extra: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="cuda, openvino or geo; what the spec's runtime needs is included."
        ),
    ] = None,
    fuse: bool = typer.Option(
        False, "--fuse", help="Bundle one model of the whole ensemble, without passes to drop or leave out."
    ),
    overwrite: Overwrite = False,
) -> None:
    """Write a folder from which the ensemble predicts without internet: models, spec, wheels and scripts.

    In a contest's notebook: `sh bundle/install.sh`, then `python bundle/predict.py IMAGES -o
    submission.csv --deadline 8h`. A run that was cut off goes on where it stopped.
    """
    from seg.export.bundle.bundle import write_bundle
    from seg.export.bundle.request import BundleRequest

    source = resolve_ensemble_source(paths, views=views, weights=weights, runtime=runtime)
    request = BundleRequest.of(source.spec, python, platform, extra)
    typer.echo(
        f"wheels for Python {request.python} on {request.platform}"
        f"{''.join(f' with {name}' for name in request.extras)}: downloading",
        err=True,
    )
    written = write_bundle(source.spec, output, request, fused=fuse, overwrite=overwrite, reads=source.reads)
    typer.echo(f"{output}: models {written.models / 1e6:.0f} MB, wheels {written.wheels / 1e6:.0f} MB")
    suggest_next(
        f"without internet: sh {output.name}/install.sh && python {output.name}/predict.py IMAGES"
        f" -o submission.csv{_needed_predict_options(source.spec)}"
    )


def _needed_predict_options(spec: "EnsembleSpec") -> str:
    """Those of predict.py that this ensemble needs."""
    images = spec.data.predict
    listed = images is not None and (images.annotations is not None or images.list is not None)
    return (" --list LIST" if listed else "") + (" --sample SAMPLE" if spec.output.sample else "")
