"""`seg tune`: find the best members, weights, views and merge on the validation images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seg.commands.calibrate import calibrate_stopping
from seg.commands.options.shared import (
    CacheLimit,
    Overwrite,
    RunMetric,
    SpecPath,
    check_metric,
    require_extra,
)
from seg.commands.tune.overlapping import tune_rules
from seg.commands.tune.tables import print_judgement, print_tuned, print_verdict
from seg.errors import OutputError
from seg.terminal.events import emit
from seg.terminal.notices import suggest

if TYPE_CHECKING:
    from seg.evaluate.tune import Tuned
    from seg.spec import EnsembleSpec

Picture = Annotated[
    Path | None,
    typer.Option(help="Draw the score against milliseconds of all sub-ensembles into this .png or .svg."),
]
CHARTS = (".png", ".svg")


def tune(
    path: SpecPath,
    budget: str | None = typer.Option(
        None,
        "--budget",
        help="The cost limit per image: milliseconds (50ms), or passes of the fastest member (5x).",
    ),
    keep: bool = typer.Option(True, "--write/--no-write", help="Write the result into the YAML."),
    criterion: Annotated[
        Literal["mean", "worst-group"],
        typer.Option("--criterion", help="Tune for the score of all images, or of the worst group."),
    ] = "mean",
    on: Annotated[
        Literal["val", "folds"],
        typer.Option(
            "--on",
            help="Fit on the validation images; or on the training images, each through members whose fold"
            " holds it out.",
        ),
    ] = "val",
    judge: Annotated[
        Literal["train", "predict"] | None,
        typer.Option("--judge", help="Also score the result on this split, which needs labels."),
    ] = None,
    picture: Picture = None,
    run_metric: RunMetric = False,
    overwrite: Overwrite = False,
    cache_limit: CacheLimit = "20GB",
) -> None:
    """Find weights, views, class factors and a stacking, and write them into the YAML.

    Everything is fitted on the validation images, or out of fold on the training images, and judged on
    groups of them that were left out: drives, patients, places. The fewer groups there are, the less is
    fitted. What is tuned for is the spec's metric. Where classes overlap, thresholds, least areas and what a
    class needs to be there are fitted, too. Every pass is computed once and cached, so that another run
    computes none. If the spec has `stopping`, it is calibrated again.
    """
    from seg.commands.options.compatibility import check_options

    check_options("tune", {"--judge train": judge == "train", "--on folds": on == "folds"})
    require_extra("tune", "blosc2", "seg tune")
    from seg.commands.options.sizes import parse_bytes
    from seg.evaluate.cache.store import ProbabilityCache
    from seg.evaluate.tune import tune as find
    from seg.evaluate.tune.cost.budget import Budget
    from seg.evaluate.tune.cost.pareto_plot import draw_pareto
    from seg.evaluate.tune.evidence.fold_advice import advise_folds
    from seg.evaluate.tune.evidence.judge_split import judge_tuned
    from seg.evaluate.tune.write_stacking import stacking_output
    from seg.files.outputs import Output
    from seg.labels.task import classes_overlap
    from seg.spec import load_ensemble
    from seg.spec.ensemble.compatibility import Use, refuse_exclusions
    from seg.spec.reads import files_read

    limit = parse_bytes("--cache-limit", cache_limit)
    if picture is not None:
        _check_picture(picture)
    spec = load_ensemble(path)
    uses: dict[Use, bool] = {
        "tune --budget": budget is not None,
        "tune --criterion worst-group": criterion == "worst-group",
        "tune --judge": judge is not None,
        "tune --on folds": on == "folds",
        "tune --picture": picture is not None,
    }
    for use in (use for use, is_given in uses.items() if is_given):
        refuse_exclusions(spec, use)
    chart = picture and Output(picture, (path, *files_read(spec)), overwrite)
    if chart:
        chart.check()
    check_metric(spec, run_metric)
    cache = ProbabilityCache()
    if classes_overlap(spec.data.task):
        tune_rules(path, spec, cache, keep=keep)
        cache.prune(limit)
        return
    if keep:
        stacking_output(path, spec, overwrite=overwrite).check()
    tuned = find(spec, cache, Budget.parse(budget) if budget else None, criterion, on)
    judged = judge_tuned(spec, tuned, judge, cache) if judge else None
    cache.prune(limit)
    print_tuned(tuned)
    if chart:
        with chart.writing() as final:
            draw_pareto(final, tuned)
        typer.echo(f"{picture}: drawn")
    print_verdict(tuned)
    if advice := advise_folds(spec, tuned):
        typer.echo(advice)
    if judged:
        print_judgement(judged)
    if keep:
        _keep(path, spec, tuned, overwrite=overwrite)


def _keep(path: Path, spec: "EnsembleSpec", tuned: "Tuned", *, overwrite: bool) -> None:
    """Write what was found into the YAML, and calibrate its early exit anew."""
    from seg.evaluate.tune.evidence.evidence import evidence_of
    from seg.evaluate.tune.write_spec import write_back
    from seg.spec import load_ensemble

    write_back(
        path,
        spec,
        tuned.written,
        tuned.passes.split.classes,
        evidence_of(tuned),
        tuned.images,
        areas_too=tuned.areas_too,
        overwrite=overwrite,
    )
    typer.echo(f"written to {path}")
    emit("output", path=str(path))
    if spec.stopping is not None:
        calibrate_stopping(path, load_ensemble(path))
    suggest(f"seg ensemble {path}")


def _check_picture(path: Path) -> None:
    require_extra("train", "matplotlib", "seg tune --picture")
    if path.suffix.lower() not in CHARTS:
        raise OutputError(f"{path}: is not a chart format: {', '.join(CHARTS)}")
