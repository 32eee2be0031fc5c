"""`seg tune`: find the best members, weights, views and merge on the validation images."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seg.commands.calibrate import calibrate_stopping
from seg.commands.options.shared import (
    CacheLimit,
    Overwrite,
    RunMetric,
    SpecPath,
    check_metric_may_run,
    require_extra,
)
from seg.commands.tune.overlapping import print_tuned_overlapping, write_tuned_overlapping
from seg.commands.tune.tables import print_judged_split, print_tuned_ensemble, print_tuning_verdict
from seg.errors import OutputError, SpecError
from seg.terminal.events import emit_event
from seg.terminal.notices import suggest_next

if TYPE_CHECKING:
    from seg.evaluate.cache.store import ProbabilityCache
    from seg.evaluate.tune import TuningResult
    from seg.evaluate.tune.cost.budget import Budget
    from seg.evaluate.tune.evidence.by_group import Criterion
    from seg.evaluate.tune.open_fitted_on import FittedOn
    from seg.evaluate.tune.overlapping.tune import TunedOverlapping
    from seg.files.outputs import Output
    from seg.spec import EnsembleSpec

Picture = Annotated[
    Path | None,
    typer.Option(help="Draw the score against milliseconds of all sub-ensembles into this .png or .svg."),
]
CHARTS = (".png", ".svg")


def tune_command(
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
    from seg.commands.options.compatibility import check_option_exclusions

    check_option_exclusions("tune", {"--judge train": judge == "train", "--on folds": on == "folds"})
    require_extra("tune", "blosc2", "seg tune")
    from seg.commands.options.sizes import parse_bytes
    from seg.data.files_read import files_read_by_spec
    from seg.evaluate.cache.store import ProbabilityCache
    from seg.evaluate.tune.cost.budget import Budget
    from seg.files.outputs import Output
    from seg.labels.task import classes_overlap
    from seg.spec import load_ensemble

    limit = parse_bytes("--cache-limit", cache_limit)
    if picture is not None:
        _check_chart_name(picture)
    spec = load_ensemble(path)
    chart = Output(picture, (path, *files_read_by_spec(spec)), overwrite) if picture else None
    if chart:
        chart.check()
    if judge == "predict" and on == "val" and spec.data.predict is None:
        raise SpecError(
            "--judge predict: the dataset has no 'predict' split, and 'val' is what is fitted on: add"
            " 'predict: { images: ..., labels: ... }'"
        )
    check_metric_may_run(spec, run_metric)
    cache = ProbabilityCache()
    limits = Budget.parse(budget) if budget else None
    tune_task = _tune_overlapping_classes if classes_overlap(spec.data.task) else _tune_one_class_a_pixel
    tune_task(path, spec, cache, _TuneOptions(limits, criterion, on, judge, chart, keep, overwrite))
    cache.prune(limit)


@dataclass(frozen=True, slots=True)
class _TuneOptions:
    """What is asked for on the command line."""

    budget: "Budget | None"
    criterion: "Criterion"
    on: "FittedOn"
    judge: Literal["train", "predict"] | None
    chart: "Output | None"
    keep: bool
    overwrite: bool


def _tune_one_class_a_pixel(
    path: Path, spec: "EnsembleSpec", cache: "ProbabilityCache", options: _TuneOptions
) -> None:
    """Tune classes of which a pixel has one."""
    from seg.evaluate.tune import tune_mixture as find
    from seg.evaluate.tune.evidence.judge_split import judge_tuned_on_split
    from seg.evaluate.tune.write_stacking import stacking_output

    if options.keep:
        stacking_output(path, spec, overwrite=options.overwrite).check()
    tuned = find(spec, cache, options.budget, options.criterion, options.on)
    judged = judge_tuned_on_split(spec, tuned, options.judge, cache) if options.judge else None
    print_tuned_ensemble(tuned)
    _draw_tuning_chart(options, tuned)
    print_tuning_verdict(tuned)
    _print_fold_advice(spec, tuned)
    if judged:
        print_judged_split(judged)
    if options.keep:
        _write_tuned_ensemble(path, spec, tuned, overwrite=options.overwrite)


def _tune_overlapping_classes(
    path: Path, spec: "EnsembleSpec", cache: "ProbabilityCache", options: _TuneOptions
) -> None:
    """Tune classes that overlap."""
    from seg.evaluate.tune.overlapping.judge_other_split import judge_overlapping_on_split
    from seg.evaluate.tune.overlapping.tune import tune_overlapping

    tuned = tune_overlapping(spec, cache, options.budget, options.criterion, options.on)
    judged = judge_overlapping_on_split(spec, tuned, options.judge, cache) if options.judge else None
    print_tuned_overlapping(tuned)
    _draw_tuning_chart(options, tuned)
    _print_fold_advice(spec, tuned)
    if judged:
        print_judged_split(judged)
    write_tuned_overlapping(path, spec, tuned, keep=options.keep)


def _draw_tuning_chart(options: _TuneOptions, tuned: "TuningResult | TunedOverlapping") -> None:
    """Draw the sub-ensembles, if that is asked for."""
    from seg.evaluate.tune.cost.pareto_plot import draw_pareto

    if options.chart:
        with options.chart.writing() as final:
            draw_pareto(final, tuned.metric.title, tuned.passes.names, tuned.study)
        typer.echo(f"{options.chart.path}: drawn")


def _print_fold_advice(spec: "EnsembleSpec", tuned: "TuningResult | TunedOverlapping") -> None:
    """Say how to fit on more groups, if that would pay."""
    from seg.evaluate.tune.evidence.fold_advice import advise_folds

    if advice := advise_folds(spec, tuned.on, tuned.groups):
        typer.echo(advice)


def _write_tuned_ensemble(
    path: Path, spec: "EnsembleSpec", tuned: "TuningResult", *, overwrite: bool
) -> None:
    """Write what was found into the YAML, and calibrate its early exit again."""
    from seg.evaluate.tune.evidence.evidence import describe_tuning_evidence
    from seg.evaluate.tune.write_spec import write_mixture
    from seg.spec import load_ensemble

    write_mixture(
        path,
        spec,
        tuned.written,
        tuned.passes.split.classes,
        describe_tuning_evidence(tuned),
        tuned.images,
        areas_too=tuned.areas_too,
        overwrite=overwrite,
    )
    typer.echo(f"written to {path}")
    emit_event("output", path=str(path))
    if spec.stopping is not None:
        calibrate_stopping(path, load_ensemble(path))
    suggest_next(f"seg ensemble {path}")


def _check_chart_name(path: Path) -> None:
    require_extra("train", "matplotlib", "seg tune --picture")
    if path.suffix.lower() not in CHARTS:
        raise OutputError(f"{path}: is not a chart format: {', '.join(CHARTS)}")
