"""`seg evaluate`: how good each member is, alone and with views, what the ensemble adds; or a submission."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seg.commands.ensemble.source import Data, Runtime, SpecOrModels, Views, Weights, resolve_ensemble_source
from seg.commands.next_command import suggest_tuning_or_ensemble
from seg.commands.options.shared import Overwrite, RunMetric, check_metric_may_run, print_table
from seg.terminal.words import pluralise

if TYPE_CHECKING:
    from seg.evaluate.compare import Comparison, ComparisonRow, Measurement
    from seg.evaluate.metrics.overlapping import OverlappingScores
    from seg.evaluate.metrics.segmentation import ClassScores, SegmentationScores
    from seg.evaluate.submission_scores import SubmissionComparison
    from seg.spec import EnsembleSpec


def evaluate_command(
    paths: SpecOrModels,
    data: Data = None,
    views: Views = None,
    weights: Weights = None,
    runtime: Runtime = None,
    split: Annotated[
        Literal["train", "val", "predict"] | None,
        typer.Option("--split", help="The labelled images to score members on.  [default: val]"),
    ] = None,
    per_class: Annotated[bool, typer.Option("--per-class", help="Also the figures of each class.")] = False,
    submission: Annotated[
        Path | None, typer.Option("--submission", help="Judge this submission, not the members.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", help="Another submission for the same images, to compare with."),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write the figures of each class to this file.")
    ] = None,
    run_metric: RunMetric = False,
    overwrite: Overwrite = False,
) -> None:
    """Score members and ensemble on labelled images, without and with views, by the spec's metric.

    If the spec has weights, equal ones are scored, too. The figures are kept beside the runs; nothing is
    computed again while models and data are the same. With --submission, a file in the format of the spec's
    output is judged, without any model.
    """
    from seg.commands.options.compatibility import check_option_exclusions
    from seg.errors import SpecError

    check_option_exclusions(
        "evaluate",
        {
            "--against": against is not None,
            "--csv": csv_file is not None,
            "--json": json_file is not None,
            "--split": split is not None,
            "--submission": submission is not None,
        },
    )
    source = resolve_ensemble_source(paths, views=views, weights=weights, runtime=runtime, data=data)
    if source.yaml is None and data is None:
        raise SpecError("models have no labels of their own: name a dataset with --data")
    spec = source.spec
    check_metric_may_run(spec, run_metric)
    if submission is None:
        from seg.evaluate.compare import compare_members

        chosen = split or "val"
        comparison = compare_members(spec, chosen)
        _print_members_comparison(chosen, comparison, per_class)
        if source.yaml is not None:
            suggest_tuning_or_ensemble(source.yaml, spec)
        return
    from seg.data.files_read import files_read_by_spec
    from seg.evaluate.submission_scores import (
        compare_submissions,
        score_overlapping_submission,
        score_submission,
        write_submission_scores_csv,
        write_submission_scores_json,
    )
    from seg.files.outputs import Output
    from seg.labels.task import classes_overlap

    reads = (*source.reads, submission, *([against] if against else []), *files_read_by_spec(spec))
    json_output = json_file and Output(json_file, reads, overwrite)
    csv_output = csv_file and Output(csv_file, reads, overwrite)
    for output in (json_output, csv_output):
        if output:
            output.check()
    overlap = classes_overlap(spec.data.task)
    if overlap or spec.metric.name != "miou":
        _print_submission_metric(spec, submission, against, per_class)
    figures: OverlappingScores | SegmentationScores
    if overlap:
        figures = score_overlapping_submission(spec, submission).scores()
    else:
        metrics = score_submission(spec, submission)
        figures = metrics.scores()
    _print_submission_scores(submission, figures, per_class)
    if against and not overlap:
        _print_gain_over_submission(against, compare_submissions(metrics, score_submission(spec, against)))
    if json_output:
        with json_output.writing() as final:
            write_submission_scores_json(final, figures)
    if csv_output:
        with csv_output.writing() as final:
            write_submission_scores_csv(final, figures)


def _print_submission_metric(
    spec: "EnsembleSpec", submission: Path, against: Path | None, per_class: bool
) -> None:
    """The score of a submission by the spec's metric."""
    from seg.evaluate.submission_metric import judge_submission
    from seg.spec.ensemble.metric import metric_title

    judged = judge_submission(spec, submission)
    name = metric_title(judged.metric.name)
    interval = " (95 %: {:.4f}..{:.4f})".format(*judged.interval) if judged.interval else ""
    typer.echo(f"{submission}: {name} {judged.score:.4f} of {pluralise(judged.images, 'image')}{interval}")
    if per_class:
        rows = [(one, _score_or_absent(score)) for one, score in judged.class_scores.items()]
        print_table("each class", ("", name), rows)
    if against:
        other = judge_submission(spec, against)
        gain, low, high = judged.gain_over(other)
        typer.echo(
            f"{100 * gain:+.2f} points of {name} against {against} ({other.score:.4f});"
            f" 95 % of drawn images: {100 * low:+.2f}..{100 * high:+.2f}"
        )


def _print_members_comparison(split: str, comparison: "Comparison", per_class: bool) -> None:
    from seg.spec.ensemble.metric import metric_title

    images, rows = comparison.images, comparison.rows
    name = metric_title(comparison.metric)
    other = () if name == "mIoU" else ("mIoU",)
    print_table(
        f"{split}: {pluralise(images, 'image')}",
        ("", name, "95 %", *other, "ms an image", "ECE"),
        [
            (
                label,
                f"{one.score:.4f}",
                "{:.4f}..{:.4f}".format(*one.interval) if one.interval else "-",
                *([f"{one.miou:.4f}"] if other else []),
                f"{one.seconds / images * 1000:.1f}",
                f"{one.ece:.4f}",
            )
            for row in rows
            for label, one in _measurements_of_predictor(row)
        ],
    )
    with_views = " with views" if any(row.viewed != row.plain for row in rows) else ""
    if gain := comparison.gain:
        typer.echo(
            f"ensemble: {100 * gain.gain:+.2f} points of {name} over {gain.over}{with_views};"
            f" 95 % of drawn images: {100 * gain.low:+.2f}..{100 * gain.high:+.2f}"
        )
    if per_class:
        names = list(rows[0].viewed.class_scores)
        print_table(
            f"{'IoU' if name == 'mIoU' else name}{with_views}",
            ("", *(row.name for row in rows)),
            [(one, *(_score_or_absent(row.viewed.class_scores[one]) for row in rows)) for one in names],
        )


def _measurements_of_predictor(row: "ComparisonRow") -> "list[tuple[str, Measurement]]":
    """What is printed of a predictor: without views, and with them if it has any."""
    if row.viewed == row.plain:
        return [(row.name, row.plain)]
    return [(row.name, row.plain), (f"{row.name} + views", row.viewed)]


def _print_submission_scores(
    submission: Path, figures: "SegmentationScores | OverlappingScores", per_class: bool
) -> None:
    from seg.evaluate.metrics.overlapping import OverlappingScores

    interval = figures.miou_interval
    drawn = f" (95 %: {interval[0]:.4f}..{interval[1]:.4f})" if interval else ""
    rows = [
        ("mIoU", f"{figures.miou:.4f}{drawn}"),
        ("mean Dice", f"{figures.mean_dice:.4f}"),
        ("mean boundary IoU", f"{figures.mean_boundary_iou:.4f}"),
        ("mean boundary F", f"{figures.mean_boundary_f:.4f}"),
    ]
    if isinstance(figures, OverlappingScores):
        rows += [
            ("mean Dice of images, 1 where empty", f"{figures.image_dice:.4f}"),
            ("mean IoU of images, 1 where empty", f"{figures.image_iou:.4f}"),
        ]
    else:
        rows += [
            ("pixel accuracy", f"{figures.pixel_accuracy:.4f}"),
            ("mean accuracy", f"{figures.mean_accuracy:.4f}"),
            ("frequency weighted IoU", f"{figures.frequency_weighted_iou:.4f}"),
            ("mean of each image's mIoU", f"{figures.image_miou:.4f}"),
            ("Kaggle's Dice, 1 where empty", f"{figures.kaggle_dice:.4f}"),
        ]
    print_table(f"{submission}: {figures.images} images", ("", "figure"), rows)
    if per_class:
        header = ("", "pixels", "IoU", "95 %", "Dice", "precision", "recall", "boundary IoU", "boundary F")
        print_table("each class", header, [_class_scores_row(c) for c in figures.classes])
    if per_class and isinstance(figures, OverlappingScores):
        presence = [(c.name, c.images, c.missed_images, c.invented_images) for c in figures.classes]
        print_table(
            "whether a class is found at all",
            ("", "images with it", "missed", "invented where it is not"),
            [(name, *map(str, counts)) for name, *counts in presence],
        )


def _class_scores_row(c: "ClassScores") -> tuple[str, ...]:
    interval = "{:.4f}..{:.4f}".format(*c.iou_interval) if c.iou_interval else ""
    shares = (c.dice, c.precision, c.recall, c.boundary_iou, c.boundary_f)
    return (c.name, str(c.pixels), _score_or_absent(c.iou), interval, *map(_score_or_absent, shares))


def _print_gain_over_submission(against: Path, paired: "SubmissionComparison") -> None:
    typer.echo(
        f"{100 * paired.gain:+.2f} points of mIoU against {against} ({paired.other.miou:.4f});"
        f" 95 % of drawn images: {100 * paired.low:+.2f}..{100 * paired.high:+.2f}"
    )


def _score_or_absent(share: float | None) -> str:
    return "absent" if share is None else f"{share:.4f}"
