"""The command `seg`: its sub-commands, and how errors reach the user."""

import sys
from collections.abc import Sequence
from typing import Any

import typer

from seg.commands import (
    bundle,
    cache,
    calibrate,
    distill,
    evaluate,
    pseudo_label,
    report,
    runs,
    serve,
    show,
    soup,
    spec,
    submission,
    sweep,
    train,
    video,
)
from seg.commands.data import data
from seg.commands.doctor import doctor
from seg.commands.ensemble import ensemble
from seg.commands.export import export
from seg.commands.options.lists import ListOptionCommand
from seg.commands.options.renamed import replace_renamed_options
from seg.commands.process.failures import report_failure
from seg.commands.process.flags import take_global_flags
from seg.commands.process.streams import open_standard_streams
from seg.commands.tune import tune
from seg.errors import EXIT_USER_ERROR
from seg.experimental import EXPERIMENTAL, help_marked_experimental
from seg.terminal.events import in_output_form

app = typer.Typer(
    name="seg",
    help=help_marked_experimental(
        "From labelled images to a winning submission: train, export, ensemble."
        "\n\nAn ensemble is one YAML, or some exported models; `seg data sample DIR` draws a dataset to begin"
        " with. Add to any command --quiet for no progress, --json for progress as events for programs, or"
        " --debug for the traceback behind an error."
        "\n\n",
        *sorted(EXPERIMENTAL),
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)

_ROAD = "From images to a submission"
_FIGURES = "What the ensemble is worth"
_MODELS = "Better models"
_USE = "Other uses"
_FILES = "Files"
_MACHINE = "This machine"

app.command("train", rich_help_panel=_ROAD)(train.train_command)
app.command("export", cls=ListOptionCommand, rich_help_panel=_ROAD)(export.export_command)
app.command("ensemble", cls=ListOptionCommand, rich_help_panel=_ROAD)(ensemble.ensemble_command)
app.command("evaluate", cls=ListOptionCommand, rich_help_panel=_FIGURES)(evaluate.evaluate_command)
app.command("report", rich_help_panel=_FIGURES)(report.report_command)
app.command("show", cls=ListOptionCommand, rich_help_panel=_FIGURES)(show.show_command)
app.command("tune", rich_help_panel=_FIGURES)(tune.tune_command)
app.command("calibrate", rich_help_panel=_FIGURES)(calibrate.calibrate_command)
app.add_typer(sweep.app, name="sweep", rich_help_panel=_MODELS)
app.add_typer(runs.app, name="runs", rich_help_panel=_MODELS)
app.command("pseudo-label", rich_help_panel=_MODELS)(pseudo_label.pseudo_label_command)
app.command("soup", rich_help_panel=_MODELS)(soup.soup_command)
app.command("distill", rich_help_panel=_MODELS)(distill.distill_command)
app.command("bundle", cls=ListOptionCommand, rich_help_panel=_USE)(bundle.bundle_command)
app.command("serve", cls=ListOptionCommand, rich_help_panel=_USE)(serve.serve_command)
app.command("video", rich_help_panel=_USE)(video.video_command)
app.add_typer(data.app, name="data", rich_help_panel=_FILES)
app.add_typer(spec.app, name="spec", rich_help_panel=_FILES)
app.add_typer(submission.app, name="submission", rich_help_panel=_FILES)
app.command("vote", rich_help_panel=_FILES)(submission.vote_command)
app.add_typer(cache.app, name="cache", rich_help_panel=_FILES)
app.add_typer(doctor.app, name="doctor", rich_help_panel=_MACHINE)


@app.callback(invoke_without_command=True)
def _version_option(
    context: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version.")
) -> None:
    if version:
        from seg import __version__

        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        context.fail("a command is missing")


def run_command_line(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; whatever is raised becomes a line on stderr."""
    root = typer.main.get_command(app)
    flags, given = take_global_flags(arguments, root)
    with in_output_form(flags.form):
        return _invoke_command(root, given, flags.debug)


def _invoke_command(root: Any, given: list[str], debug: bool) -> int:
    command = ""
    try:
        open_standard_streams()
        given = replace_renamed_options(given)
        command = _command_named_in(given, root)
        with root.make_context("seg", given) as context:
            root.invoke(context)
        sys.stdout.flush()
    except typer.Exit as left:
        return left.exit_code
    except SystemExit as left:
        if isinstance(left.__context__, OSError):  # As rich answers a closed pipe.
            return report_failure(left.__context__, command, given, debug=debug)
        return left.code if isinstance(left.code, int) else EXIT_USER_ERROR
    except BaseException as error:
        return report_failure(error, command, given, debug=debug)
    return 0


def _command_named_in(arguments: Sequence[str], root: Any) -> str:
    """The command that arguments name, such as `data check`."""
    names: list[str] = []
    for argument in arguments:
        if not argument.startswith("-"):
            root = getattr(root, "commands", {}).get(argument)
            if root is None:
                break
            names.append(argument)
    return " ".join(names)
