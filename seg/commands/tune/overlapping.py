"""What `seg tune` prints and writes where classes overlap."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seg.commands.options.shared import print_table
from seg.terminal.notices import suggest

if TYPE_CHECKING:
    from seg.evaluate.cache.store import ProbabilityCache
    from seg.evaluate.tune.overlapping.tune import TunedOverlapping
    from seg.spec import EnsembleSpec


def tune_rules(path: Path, spec: "EnsembleSpec", cache: "ProbabilityCache", *, keep: bool) -> None:
    """Tune weights and rules, print what was compared, and write the result into the YAML."""
    from seg.evaluate.tune.overlapping.tune import tune_overlapping
    from seg.evaluate.tune.overlapping.write_rules import evidence_of, write_overlapping

    tuned = tune_overlapping(spec, cache)
    _print_mixtures(tuned)
    _print_steps(tuned)
    _print_rules(tuned)
    if not tuned.beats_nothing:
        typer.echo(
            f"nothing predicted scores {tuned.nothing:.4f}, and the best of all this {tuned.left_out:.4f}:"
            f" {path} stays as it is; train members longer, or add others"
        )
        return
    typer.echo(f"chosen: {evidence_of(tuned)}")
    if keep:
        write_overlapping(path, spec, tuned)
        typer.echo(f"written to {path}")
        suggest(f"seg ensemble {path}")


def _print_mixtures(tuned: "TunedOverlapping") -> None:
    from seg.evaluate.tune.overlapping.judge_decisions import NOTHING
    from seg.spec.ensemble.metric import title_of

    names = tuned.passes.names
    rows = [
        (
            one.name,
            f"{one.left_out:.4f}",
            ", ".join(f"{names[m]} {one.mixture.weights[m]:.3g}" for m in one.mixture.members),
            str(one.mixture.passes),
        )
        for one in tuned.mixtures
    ]
    print_table(
        f"{title_of(tuned.metric.name)} with the best thresholds; {tuned.groups}",
        ("", "groups left out", "weights", "passes"),
        [(NOTHING, f"{tuned.nothing:.4f}", "-", "0"), *rows],
    )


def _print_steps(tuned: "TunedOverlapping") -> None:
    from seg.spec.ensemble.metric import title_of

    rows = [
        (
            step.name,
            f"{step.left_out:.4f}",
            f"{100 * step.gain:+.2f} ± {100 * step.error:.2f}" if step.error else "-",
            "yes" if step.is_kept else "no",
        )
        for step in tuned.steps
    ]
    print_table(
        f"rules of {tuned.mixture.name}: {title_of(tuned.metric.name)}",
        ("", "groups left out", "over what was kept, points", "kept"),
        rows,
    )


def _print_rules(tuned: "TunedOverlapping") -> None:
    rows = [
        (
            info.name,
            f"{rule.threshold:g}",
            str(rule.least_area),
            f"{rule.empty_below.probability:g}" if rule.empty_below else "-",
            str(rule.empty_below.area) if rule.empty_below else "-",
        )
        for info, rule in zip(tuned.passes.split.classes, tuned.rules, strict=True)
    ]
    print_table("", ("class", "threshold", "least area", "empty below", "area"), rows)
