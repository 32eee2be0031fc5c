"""`seg video`: label the frames of a video, and write it as a video."""

from pathlib import Path
from typing import Annotated

import typer

from seg.commands.options.shared import Overwrite, SpecPath
from seg.terminal.notices import suggest_opening
from seg.terminal.words import pluralise


def video_command(
    path: SpecPath,
    source: Annotated[Path, typer.Argument(metavar="VIDEO", help="The video to label.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The video to write: .mp4, .avi or .mkv.")
    ] = Path("labelled.mp4"),
    labels: Annotated[
        bool, typer.Option("--labels", help="Draw only the classes' colours, not the frames.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Label every frame of a video with all members and views, and write it as a video."""
    from seg.engine.jobs.video import label_video
    from seg.spec import load_ensemble

    spec = load_ensemble(path)
    frames = label_video(spec, source, output, labels_only=labels, overwrite=overwrite, reads=(path,))
    typer.echo(f"{output}: {pluralise(frames, 'frame')} written")
    suggest_opening(output)
