"""The command `seg`: its sub-commands, and how errors reach the user."""

import sys

import typer

from seg.commands import (
    calibrate,
    data,
    distill,
    ensemble,
    evaluate,
    export,
    pseudo,
    report,
    runs,
    serve,
    show,
    soup,
    spec,
    submission,
    sweep,
    train,
    tune,
    video,
)
from seg.errors import EXIT_USER_ERROR, SegError

EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="seg",
    help=(
        "From labelled images to a winning submission: train, export, ensemble."
        "\n\nAdd --debug to any command to see the traceback behind an error."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("train")(train.train)
app.command("export")(export.export)
app.command("calibrate")(calibrate.calibrate)
app.command("ensemble")(ensemble.ensemble)
app.command("serve")(serve.serve)
app.command("evaluate")(evaluate.evaluate)
app.command("report")(report.report)
app.command("tune")(tune.tune)
app.command("pseudo")(pseudo.pseudo)
app.command("soup")(soup.soup)
app.command("distill")(distill.distill)
app.command("vote")(submission.vote)
app.command("show")(show.show)
app.command("video")(video.video)
app.add_typer(sweep.app, name="sweep")
app.add_typer(runs.app, name="runs")
app.add_typer(data.app, name="data")
app.add_typer(spec.app, name="spec")
app.add_typer(submission.app, name="submission")
app.add_typer(tune.app, name="cache")


@app.callback(invoke_without_command=True)
def _options(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        from seg import __version__

        typer.echo(__version__)
        raise typer.Exit


def run() -> None:
    """Run the command line and leave with its exit code: 2 for what the user can mend."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(args=arguments)
    except SegError as error:
        if debug:
            raise
        for line in str(error).splitlines():
            typer.echo(f"seg: {line}", err=True)
        sys.exit(EXIT_USER_ERROR)
    except OSError as error:
        if debug or error.filename is None:
            raise
        typer.echo(f"seg: {error.filename}: {error.strerror}", err=True)
        sys.exit(EXIT_USER_ERROR)
    except KeyboardInterrupt:
        typer.echo("seg: interrupted; the same command goes on from here", err=True)
        sys.exit(EXIT_INTERRUPTED)
