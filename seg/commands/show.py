"""`seg show`: a picture of what the ensemble, or a submission, sees."""

from pathlib import Path
from typing import Annotated

import typer

from seg import ranges
from seg.commands.shared import Overwrite, SpecPath, check_picture_name


def show(
    path: SpecPath,
    wanted: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IMAGE]...", help="Image files, or ids of images that are predicted."),
    ] = None,
    submission: Annotated[
        Path | None,
        typer.Option("--submission", metavar="FILE", help="Draw this submission; no model is run."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PNG", help="The picture to write.")
    ] = Path("overlay.png"),
    images: Annotated[
        int,
        typer.Option(
            min=1, max=ranges.DRAWN_IMAGES.most, help="Where none are named: how many, spread over the split."
        ),
    ] = 4,
    overwrite: Overwrite = False,
    open_it: Annotated[bool, typer.Option("--open", help="Open the picture when it is written.")] = False,
) -> None:
    """Draw images beside their labels, where there are any, and the ensemble's or a submission's answer."""
    from seg.evaluate.contact_sheet import draw_ensemble, draw_submission
    from seg.outputs import Output
    from seg.spec import load_ensemble
    from seg.spec.reads import files_read

    spec = load_ensemble(path)
    check_picture_name(output)
    reads = (path, *files_read(spec), *map(Path, wanted or ()), *([submission] if submission else []))
    with Output(output, reads, overwrite).writing() as final:
        if submission is None:
            draw_ensemble(spec, final, wanted or (), images)
        else:
            draw_submission(spec, submission, final, wanted or (), images)
    typer.echo(f"{output}: written")
    if open_it:
        typer.launch(str(output))
