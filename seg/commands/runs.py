"""`seg runs`: a leaderboard of training runs, with notes."""

from pathlib import Path
from typing import Annotated

import typer

from seg import ranges
from seg.commands.options.shared import print_table

app = typer.Typer(help="List training runs as a leaderboard, and add notes to them.")

COLUMNS = (
    "name",
    "architecture",
    "encoder",
    "score",
    "leaderboard",
    "loss",
    "epochs",
    "minutes",
    "parameters",
    "gflops",
)


@app.callback(invoke_without_command=True)
def runs_command(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Option("--folder", help="Where the runs are; subfolders are included.")
    ] = Path("runs"),
    sort: Annotated[str, typer.Option("--sort", help="The column to sort by.")] = "score",
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="COLUMN=TEXT", help="Only runs whose column has this text."),
    ] = None,
    form: Annotated[str, typer.Option("--as", help="table, csv, md or json.")] = "table",
) -> None:
    """List all runs: score by their metric, loss, epochs, minutes, parameters, GFLOPs, leaderboard, note."""
    if context.invoked_subcommand:
        return
    from seg.commands.options.table_rows import filter_table_rows, format_table_rows
    from seg.runs import list_runs

    found = filter_table_rows(list_runs(folder), sort, where or [])
    if form == "table":
        metrics = {run.metric for run in found}
        names = [*COLUMNS, *(["note"] if any(run.note for run in found) else [])]
        if len(metrics) > 1:
            names.insert(names.index("score"), "metric")
        header = [*metrics] if len(metrics) == 1 else ["score"]
        print_table(
            str(folder),
            [header[0] if name == "score" else name for name in names],
            [tuple(_run_cell(getattr(run, name)) for name in names) for run in found],
        )
        return
    typer.echo(format_table_rows(found, form))


@app.command("note")
def runs_note_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's folder.")],
    leaderboard: Annotated[
        float | None,
        typer.Option(
            "--lb",
            min=ranges.LEADERBOARD.least,
            max=ranges.LEADERBOARD.most,
            help="The score on the leaderboard.",
        ),
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="Anything worth remembering.")] = None,
) -> None:
    """Add a leaderboard score, or a text, to a run."""
    from seg.runs import write_run_note

    noted = write_run_note(run, leaderboard=leaderboard, text=text)
    typer.echo(f"{run}: leaderboard {noted.leaderboard}, {noted.text or 'no text'}")


def _run_cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
