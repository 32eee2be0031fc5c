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
    print_table,
    require_extra,
)
from seg.commands.tune_overlapping import tune_rules
from seg.errors import OutputError, SpecError
from seg.terminal.events import emit
from seg.terminal.notices import suggest

if TYPE_CHECKING:
    from seg.evaluate.tune import Tuned
    from seg.evaluate.tune.evidence.candidates import Candidate
    from seg.evaluate.tune.evidence.judge_split import Judgement
    from seg.spec import EnsembleSpec

Picture = Annotated[
    Path | None,
    typer.Option(help="Draw the score against milliseconds of all sub-ensembles into this .png or .svg."),
]
CHARTS = (".png", ".svg")
NEAR_BEST = (0.001, 0.003, 0.01)


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
        typer.Option(
            "--criterion", help="Tune for the score of all images, or of the group with the lowest."
        ),
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
    """Find weights, views and class factors, and write them into the YAML.

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
    from seg.files.outputs import Output
    from seg.labels.task import classes_overlap
    from seg.spec import load_ensemble
    from seg.spec.reads import files_read

    limit = parse_bytes("--cache-limit", cache_limit)
    if picture is not None:
        _check_picture(picture)
    spec = load_ensemble(path)
    if classes_overlap(spec.data.task):
        _refuse_where_classes_overlap(
            {
                "--budget": budget is not None,
                "--criterion worst-group": criterion == "worst-group",
                "--judge": judge is not None,
                "--on folds": on == "folds",
                "--picture": picture is not None,
            }
        )
    chart = picture and Output(picture, (path, *files_read(spec)), overwrite)
    if chart:
        chart.check()
    if classes_overlap(spec.data.task):
        tune_rules(path, spec, limit, keep=keep, run_metric=run_metric)
        return
    check_metric(spec, run_metric)
    cache = ProbabilityCache()
    tuned = find(spec, cache, Budget.parse(budget) if budget else None, criterion, on)
    judged = judge_tuned(spec, tuned, judge, cache) if judge else None
    cache.prune(limit)
    _print_tuned(tuned)
    if chart:
        with chart.writing() as final:
            draw_pareto(final, tuned)
        typer.echo(f"{picture}: drawn")
    _print_verdict(tuned)
    if advice := advise_folds(spec, tuned):
        typer.echo(advice)
    if judged:
        _print_judgement(judged)
    if keep:
        _keep(path, spec, tuned)


def _keep(path: Path, spec: "EnsembleSpec", tuned: "Tuned") -> None:
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
    )
    typer.echo(f"written to {path}")
    emit("output", path=str(path))
    if spec.stopping is not None:
        calibrate_stopping(path, load_ensemble(path))
    suggest(f"seg ensemble {path}")


def _refuse_where_classes_overlap(given: dict[str, bool]) -> None:
    """Raise SpecError for the first of the options that was given."""
    option = next((name for name, is_given in given.items() if is_given), None)
    if option is not None:
        raise SpecError(f"{option}: is for classes of which a pixel has one, and these overlap: remove it")


def _check_picture(path: Path) -> None:
    require_extra("train", "matplotlib", "seg tune --picture")
    if path.suffix.lower() not in CHARTS:
        raise OutputError(f"{path}: is not a chart format: {', '.join(CHARTS)}")


def _print_tuned(tuned: "Tuned") -> None:
    _print_candidates(tuned)
    _print_calibration(tuned)
    _print_members(tuned)
    _print_disagreement(tuned)
    _print_front(tuned)


def _print_candidates(tuned: "Tuned") -> None:
    per_pass = tuned.passes.milliseconds
    rows = [
        (
            name,
            f"{tuned.scores[name]:.4f}",
            "{:.4f}..{:.4f}".format(*interval) if (interval := tuned.intervals[name]) else "-",
            *_left_out(candidate),
            str(tuned.passes.of_members(candidate.mixture).passes),
            f"{candidate.mixture.milliseconds(per_pass):.0f}",
        )
        for name, candidate in tuned.candidates.items()
    ]
    header = (
        "",
        f"{'val' if tuned.on == 'val' else 'out-of-fold'} {tuned.metric.title}",
        "95 %",
        "groups left out",
        "over equal, points",
        "worst group",
        "passes",
        "ms an image",
    )
    print_table(
        f"{tuned.groups}, about {tuned.independent:.0f} independent; {tuned.passes.computed} passes computed",
        header,
        rows,
    )
    if tuned.passes.at_decoder:
        typer.echo(
            f"merge_at: decoder: val {tuned.metric.title} and its interval are of labels merged where"
            " decoders end, as seg ensemble gives them; groups left out and all below are of pixels merged at"
            " the image's size"
        )


def _left_out(candidate: "Candidate") -> tuple[str, str, str]:
    scores = candidate.left_out
    if scores is None:
        return ("-", "-", "-")
    return (
        f"{scores.score:.4f}",
        f"{100 * scores.gain:+.2f} ± {100 * scores.error:.2f}",
        f"{scores.worst:.4f}",
    )


def _print_calibration(tuned: "Tuned") -> None:
    rows = [
        (name, f"{one.temperature:.2f}", f"{one.before:.4f}", f"{one.after:.4f}")
        for name, one in zip(tuned.passes.names, tuned.calibration, strict=True)
    ]
    header = ("how sure members are of themselves", "temperature", "calibration error", "at that temperature")
    print_table("", header, rows)


def _print_members(tuned: "Tuned") -> None:
    rows = [
        (
            value.name,
            f"{value.alone:.4f}",
            f"{100 * value.left_out:+.2f}",
            f"{value.shapley:.4f}",
            ", ".join(f"{view} {100 * gain:+.2f}" for view, gain in value.views.items()) or "-",
        )
        for value in tuned.values
    ]
    print_table(
        "what each member is worth", ("", "alone", "lost without it, points", "Shapley", "views"), rows
    )


def _print_disagreement(tuned: "Tuned") -> None:
    names = tuned.passes.names
    rows = [
        (name, *(f"{share:.1%}" for share in row))
        for name, row in zip(names, tuned.disagreement, strict=True)
    ]
    print_table("pixels on which members differ", ("", *names), rows)


def _print_front(tuned: "Tuned") -> None:
    names, best = tuned.passes.names, tuned.front[-1].score
    rows = []
    for point in tuned.front:
        near = [f"{100 * gap:g}" for gap in NEAR_BEST if best - point.score <= gap]
        members = " + ".join(names[m] for m in point.mixture.members)
        passes = tuned.passes.of_members(point.mixture).passes
        rows.append(
            (members, str(passes), f"{point.milliseconds:.0f}", f"{point.score:.4f}", near[0] if near else "")
        )
    header = (
        "sub-ensembles that nothing cheaper equals",
        "passes",
        "ms an image",
        tuned.metric.title,
        "within points of the best",
    )
    print_table("", header, rows)


def _print_verdict(tuned: "Tuned") -> None:
    from seg.evaluate.tune.evidence.evidence import evidence_of

    chosen, names = tuned.chosen, tuned.passes.names
    typer.echo(f"chosen: {evidence_of(tuned)}")
    for member in chosen.members:
        typer.echo(
            f"  {names[member]}: weight {chosen.weights[member]:.4g}, views {', '.join(chosen.views[member])}"
        )
    if chosen.factors:
        classes = tuned.passes.split.classes
        said = (f"{info.name} {factor:.3g}" for info, factor in zip(classes, chosen.factors, strict=True))
        typer.echo(f"  class factors: {', '.join(said)}")
    if chosen.least_area:
        typer.echo(f"  least area: {chosen.least_area}")
    if not tuned.worth_it:
        typer.echo(
            "the ensemble does not beat the best member on groups left out: it may not be worth its cost"
        )


def _print_judgement(judged: "Judgement") -> None:
    rows = [
        (
            name,
            f"{one.score:.4f}",
            f"{100 * one.gain:+.2f}" + (f" ± {100 * one.error:.2f}" if judged.groups.count > 1 else ""),
            f"{one.worst:.4f}",
        )
        for name, one in judged.scores.items()
    ]
    print_table(
        f"judged on {judged.split}: {judged.groups}",
        ("", judged.metric, "over equal, points", "worst group"),
        rows,
    )


def cache_list() -> None:
    """List the cache of passes, least recently used first."""
    from seg.commands.options.sizes import format_bytes
    from seg.evaluate.cache.store import ProbabilityCache

    cache = ProbabilityCache()
    contents = cache.contents_by_model()
    rows = [
        (model.name, str(model.files), format_bytes(model.bytes), _date(model.used)) for model in contents
    ]
    print_table(str(cache.folder), ("model and runtime", "passes", "size", "last used"), rows)
    typer.echo(f"{format_bytes(sum(model.bytes for model in contents))} in all")


def cache_prune(
    to: str = typer.Option("0GB", "--to", help="The size to keep; the most recently used passes are kept."),
) -> None:
    """Remove the least recently used passes."""
    from seg.commands.options.sizes import format_bytes, parse_bytes
    from seg.evaluate.cache.store import ProbabilityCache

    typer.echo(f"{format_bytes(ProbabilityCache().prune(parse_bytes('--to', to)))} freed")


def _date(seconds: float) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


app = typer.Typer(no_args_is_help=True, help="The cache of passes of `seg tune`.")
app.command("ls")(cache_list)
app.command("prune")(cache_prune)
