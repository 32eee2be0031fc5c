"""`seg spec`: check specs, or print their JSON schema for editors."""

from pathlib import Path
from typing import Annotated

import typer

from seg.commands.next_command import suggest_next_stage
from seg.terminal.words import pluralise

app = typer.Typer(help="Check specs, and print their schema.", no_args_is_help=True)


@app.command("check")
def spec_check_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Ensemble specs.")],
) -> None:
    """Check ensemble specs, and that existing models have the dataset's classes.

    Every mistake is one line with its file and line number.
    """
    from seg.engine.member_files import read_existing_member_files
    from seg.errors import SegError, SpecError
    from seg.metrics.own_function import refuse_missing_metric_file
    from seg.spec import load_ensemble

    mistakes = []
    for file in files:
        try:
            spec = load_ensemble(file)
            read_existing_member_files(spec)
            refuse_missing_metric_file(spec.metric)
        except SegError as error:
            mistakes.append(str(error))
        else:
            passes = sum(len(spec.views_of(member)) for member in spec.running)
            views = "1 pass" if passes == 1 else f"{passes} passes"
            typer.echo(f"{file}: {pluralise(len(spec.running), 'member')}, {views} an image")
            suggest_next_stage(file, spec)
    if mistakes:
        raise SpecError("\n".join(mistakes))


@app.command("schema")
def spec_schema_command() -> None:
    """Print the JSON schema of an ensemble spec, for completion in an editor."""
    import json

    from seg.spec import EnsembleSpec

    typer.echo(json.dumps(EnsembleSpec.model_json_schema(), indent=2))
