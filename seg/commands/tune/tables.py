"""Tables of `seg tune`: candidates, members, their disagreement, sub-ensembles, and what was chosen."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import typer

from seg.commands.options.shared import print_table

if TYPE_CHECKING:
    from seg.evaluate.cache.labelled_passes import LabelledPasses
    from seg.evaluate.tune import TuningResult
    from seg.evaluate.tune.cost.member_study import MemberStudy
    from seg.evaluate.tune.evidence.candidates import LeftOutScores
    from seg.evaluate.tune.evidence.judge_split import SplitJudgement
    from seg.evaluate.tune.fits.temperature import MemberCalibration
    from seg.spec.ensemble.metric import MetricSpec

NEAR_BEST: Final = (0.001, 0.003, 0.01)
"""Scores below the best within which a sub-ensemble is pointed out."""


def print_tuned_ensemble(tuned: "TuningResult") -> None:
    """Print what was compared, and what each member adds."""
    _print_tuning_candidates(tuned)
    print_member_temperatures(tuned.passes.names, tuned.calibration)
    print_member_study(tuned.metric, tuned.passes, tuned.study)


def _print_tuning_candidates(tuned: "TuningResult") -> None:
    per_pass = tuned.passes.milliseconds
    rows = [
        (
            name,
            f"{tuned.scores[name]:.4f}",
            "{:.4f}..{:.4f}".format(*interval) if (interval := tuned.intervals[name]) else "-",
            *left_out_columns(candidate.left_out),
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


def left_out_columns(scores: "LeftOutScores | None") -> tuple[str, str, str]:
    """Score, gain over equal weights, and the worst group."""
    if scores is None:
        return ("-", "-", "-")
    return (
        f"{scores.score:.4f}",
        f"{100 * scores.gain:+.2f} ± {100 * scores.error:.2f}",
        f"{scores.worst:.4f}",
    )


def print_member_temperatures(names: Sequence[str], calibration: Sequence["MemberCalibration"]) -> None:
    """Print the temperature of each member."""
    rows = [
        (name, f"{one.temperature:.2f}", f"{one.before:.4f}", f"{one.after:.4f}")
        for name, one in zip(names, calibration, strict=True)
    ]
    header = ("how sure members are of themselves", "temperature", "calibration error", "at that temperature")
    print_table("", header, rows)


def print_member_study(metric: "MetricSpec", passes: "LabelledPasses", study: "MemberStudy") -> None:
    """Print what members are worth, where they differ, and the Pareto front of sub-ensembles."""
    _print_member_values(study)
    _print_member_disagreement(passes.names, study)
    _print_pareto_front(metric, passes, study)


def _print_member_values(study: "MemberStudy") -> None:
    rows = [
        (
            value.name,
            f"{value.alone:.4f}",
            f"{100 * value.left_out:+.2f}",
            f"{value.shapley:.4f}",
            ", ".join(f"{view} {100 * gain:+.2f}" for view, gain in value.views.items()) or "-",
        )
        for value in study.values
    ]
    print_table(
        "what each member is worth", ("", "alone", "lost without it, points", "Shapley", "views"), rows
    )


def _print_member_disagreement(names: Sequence[str], study: "MemberStudy") -> None:
    rows = [
        (name, *(f"{share:.1%}" for share in row))
        for name, row in zip(names, study.disagreement, strict=True)
    ]
    print_table("pixels on which members differ", ("", *names), rows)


def _print_pareto_front(metric: "MetricSpec", passes: "LabelledPasses", study: "MemberStudy") -> None:
    front = study.front
    names, best = passes.names, front[-1].score
    rows = []
    for point in front:
        near = [f"{100 * gap:g}" for gap in NEAR_BEST if best - point.score <= gap]
        members = " + ".join(names[m] for m in point.mixture.members)
        count = passes.of_members(point.mixture).passes
        rows.append(
            (members, str(count), f"{point.milliseconds:.0f}", f"{point.score:.4f}", near[0] if near else "")
        )
    header = (
        "sub-ensembles that nothing cheaper equals",
        "passes",
        "ms an image",
        metric.title,
        "within points of the best",
    )
    print_table("", header, rows)


def print_tuning_verdict(tuned: "TuningResult") -> None:
    """Print the chosen ensemble and the evidence for it."""
    from seg.evaluate.tune.evidence.evidence import describe_tuning_evidence

    chosen, names = tuned.chosen, tuned.passes.names
    typer.echo(f"chosen: {describe_tuning_evidence(tuned)}")
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
    typer.echo(f"  {tuned.stacking}")
    if not tuned.worth_it:
        typer.echo(
            "the ensemble does not beat the best member on groups left out: it may not be worth its cost"
        )


def print_judged_split(judged: "SplitJudgement") -> None:
    """Print the scores on the split of `--judge`."""
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
