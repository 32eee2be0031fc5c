"""`seg ensemble`: models and images in, a submission out."""

import typer

from seg.commands.shared import SpecPath


def ensemble(
    path: SpecPath,
    strict: bool = typer.Option(False, "--strict", help="Stop at the first image that cannot be read."),
    restart: bool = typer.Option(
        False, "--restart", help="Throw away the journal of an earlier run and begin anew."
    ),
) -> None:
    """Predict every image with all members and views, and write the submission.

    A run that was cut off goes on where it stopped. An image that cannot be read does not stop the
    others; the command then ends with code 2, naming it, and the next run tries it again.
    """
    from seg.engine.run import run_ensemble
    from seg.spec import load_ensemble

    spec = load_ensemble(path)
    summary = run_ensemble(spec, strict=strict, restart=restart)
    typer.echo(summary.text())
