"""`seg show`: a picture of what the ensemble sees."""

from pathlib import Path
from typing import Annotated

import typer

from seg.commands.shared import SpecPath, check_picture_name


def show(
    path: SpecPath,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PNG", help="The picture to write.")
    ] = Path("overlay.png"),
    images: Annotated[int, typer.Option(min=1, help="How many images, spread over the split.")] = 4,
) -> None:
    """Draw some images beside their labels, where there are any, and the ensemble's answer."""
    from seg.evaluate.picture import draw_overlays
    from seg.spec import load_ensemble

    spec = load_ensemble(path)
    check_picture_name(output)
    draw_overlays(spec, output, images)
    typer.echo(f"{output}: written")
