"""`seg sweep`: train many recipes for a few epochs each, and write an ensemble of the best combination."""

from functools import partial
from itertools import pairwise
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from seg.commands.options.shared import Overwrite, RunMetric, check_metric_may_run, print_table, require_extra
from seg.terminal.notices import suggest_next

if TYPE_CHECKING:
    from seg.train.sweep import TrialResult
    from seg.train.sweep.choose import ChosenTrial

SweepPath = Annotated[Path, typer.Argument(metavar="SWEEP", help="The sweep's YAML.")]


class RunsByDefault(TyperGroup):
    """`seg sweep FILE` is `seg sweep run FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=RunsByDefault,
    no_args_is_help=True,
    help="Try many recipes, and choose those worth training for long.",
)


@app.command("run")
def sweep_run_command(path: SweepPath, run_metric: RunMetric = False) -> None:
    """Run the remaining trials, as one of any number of workers; then show the table and the chart.

    A failed trial is recorded with its reason. An interrupted sweep is resumed.
    """
    require_extra("train", "torch", "seg sweep")
    from seg.spec.recipe.sweep import load_sweep

    spec = load_sweep(path)
    check_metric_may_run(spec, run_metric)
    from seg.train.sweep import open_sweep

    open_sweep(spec).run(partial(_print_sweep_trial, spec.metric.title))
    sweep_show_command(path)
    suggest_next(f"seg sweep top {path} 5")


@app.command("show")
def sweep_show_command(path: SweepPath) -> None:
    """Print the trials so far as a table, and draw the metric against time and GFLOPs."""
    require_extra("train", "torch", "seg sweep")
    from seg.spec.recipe.sweep import load_sweep

    spec = load_sweep(path)
    from seg.train.sweep import open_sweep
    from seg.train.sweep.charts import draw_sweep

    outcomes = open_sweep(spec).outcomes()
    print_table(
        str(path),
        ("trial", "tried", spec.metric.title, "epochs", "minutes", "M parameters", "GFLOPs", ""),
        list(map(_trial_row, outcomes)),
    )
    picture = spec.runs / "sweep.png"
    if draw_sweep(picture, spec.metric, outcomes):
        typer.echo(f"{picture}: written")


@app.command("top")
def sweep_top_command(
    path: SweepPath,
    count: Annotated[int, typer.Argument(min=1, max=1000, metavar="N", help="How many members, at most.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The ensemble's YAML to write.")] = Path(
        "top.yaml"
    ),
    run_metric: RunMetric = False,
    overwrite: Overwrite = False,
) -> None:
    """Write an ensemble of the best combination of at most N trials, by the sweep's metric."""
    require_extra("train", "torch", "seg sweep")
    from seg.spec.recipe.sweep import load_sweep

    spec = load_sweep(path)
    check_metric_may_run(spec, run_metric)
    from seg.data import open_split
    from seg.data.files_read import files_read_by_spec
    from seg.files.outputs import Output
    from seg.train.sweep import choose_complementary, open_sweep
    from seg.train.sweep.write_ensemble import write_ensemble_of_trials

    with Output(output, (path, *files_read_by_spec(spec)), overwrite).writing() as final:
        chosen = choose_complementary(
            open_sweep(spec).outcomes(),
            spec.runs,
            open_split(spec.data, "val"),
            count,
            spec.metric,
            spec.data.group,
        )
        write_ensemble_of_trials(final, spec, chosen)
    rows = [
        (
            one.outcome.name,
            f"{one.outcome.score:.4f}",
            f"{one.score:.4f}",
            _gain_of_chosen_trial(one, before),
            f"{one.disagreement:.1%}",
        )
        for before, one in pairwise([None, *chosen])
        if one
    ]
    header = ("", "alone", "together so far", "added, points", "differs from those before")
    print_table(f"{spec.metric.title} of those chosen, the best first", header, rows)
    if len(chosen) > 1 and isinf(chosen[-1].error):
        typer.echo("the validation images are one group, so nothing says what others add on other images")
    if len(chosen) < count:
        typer.echo(f"{len(chosen)} of {count}: no other makes them better")
    typer.echo(f"{output}: written")
    suggest_next(f"seg export {output}")


def _gain_of_chosen_trial(one: "ChosenTrial", before: "ChosenTrial | None") -> str:
    """What a trial adds to those before it, with its standard error across groups."""
    if before is None:
        return "-"
    added = f"{100 * (one.score - before.score):+.2f}"
    return added if isinf(one.error) else f"{added} ± {100 * one.error:.2f}"


def _print_sweep_trial(metric: str, outcome: "TrialResult") -> None:
    figure = f"{metric} {outcome.score:.4f}" if outcome.score is not None else ""
    words = [outcome.state, figure, outcome.reason]
    typer.echo(f"{outcome.name or outcome.setting}: {', '.join(word for word in words if word)}")


def _trial_row(outcome: "TrialResult") -> tuple[str, ...]:
    return (
        outcome.name,
        ", ".join(f"{field} {_setting_in_short(value)}" for field, value in outcome.setting.items()),
        _trial_number(outcome.score, 4),
        str(outcome.epochs),
        _trial_number(outcome.seconds and outcome.seconds / 60, 1),
        _trial_number(outcome.parameters and outcome.parameters / 1e6, 1),
        _trial_number(outcome.gflops, 1),
        outcome.reason or ("" if outcome.is_finished else outcome.state),
    )


def _setting_in_short(value: object) -> str:
    """A mapping in YAML's flow style; a file by its name."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_setting_in_short(one)}" for key, one in value.items()) + "}"
    return Path(value).name if isinstance(value, str) else str(value)


def _trial_number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
