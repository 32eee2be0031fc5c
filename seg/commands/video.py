"""`seg video`: a video in, the same with labels out."""

from pathlib import Path
from typing import Annotated

import typer

from seg.commands.shared import SpecPath
from seg.words import counted


def video(
    path: SpecPath,
    source: Annotated[Path, typer.Argument(metavar="VIDEO", help="The video to label.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The video to write: .mp4, .avi or .mkv.")
    ] = Path("labelled.mp4"),
    labels: Annotated[
        bool, typer.Option("--labels", help="The classes' colours alone, and nothing of the video.")
    ] = False,
) -> None:
    """Label every frame of a video with all members and views, and write it as a video."""
    from seg.engine.jobs.video import label_video
    from seg.spec import load_ensemble

    frames = label_video(load_ensemble(path), source, output, labels_only=labels)
    typer.echo(f"{output}: {counted(frames, 'frame')} written")
