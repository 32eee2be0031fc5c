"""What `seg tune` prints and writes where classes overlap."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seg.commands.options.shared import print_table
from seg.commands.tune.tables import left_out_columns, print_member_study, print_member_temperatures
from seg.terminal.events import emit_event
from seg.terminal.notices import suggest_next

if TYPE_CHECKING:
    from seg.evaluate.tune.overlapping.tune import TunedOverlapping
    from seg.spec import EnsembleSpec


def print_tuned_overlapping(tuned: "TunedOverlapping") -> None:
    """Print what was compared, what each member adds, and the rules of the classes."""
    compares_mixtures = len(tuned.mixtures.by_name) > 1
    if compares_mixtures:
        _print_mixtures(tuned)
    print_member_temperatures(tuned.passes.names, tuned.calibration)
    if len(tuned.passes.names) > 1:
        print_member_study(tuned.metric, tuned.passes, tuned.study)
    # Of one member in one view, a row with the best thresholds would be that of the step of that name.
    _print_steps_of_rules(tuned, first=() if compares_mixtures else ((*_empty_masks_row(tuned), "-", "-"),))
    _print_rules_of_classes(tuned)


def write_tuned_overlapping(
    path: Path, spec: "EnsembleSpec", tuned: "TunedOverlapping", *, keep: bool
) -> None:
    """Say what was chosen, and write it into the YAML, if it scores more than nothing at all."""
    from seg.evaluate.tune.overlapping.write_rules import describe_rules_evidence, write_weights_and_rules

    if not tuned.beats_nothing:
        typer.echo(
            f"nothing predicted scores {tuned.mixtures.nothing:.4f}, and the best of all this"
            f" {tuned.left_out:.4f}: {path} stays as it is; train members longer, or add others"
        )
        return
    typer.echo(f"chosen: {describe_rules_evidence(tuned)}")
    if keep:
        write_weights_and_rules(path, spec, tuned)
        typer.echo(f"written to {path}")
        emit_event("output", path=str(path))
        suggest_next(f"seg ensemble {path}")


def _print_mixtures(tuned: "TunedOverlapping") -> None:
    names, mixtures = tuned.passes.names, tuned.mixtures
    rows = [
        (
            one.name,
            *left_out_columns(one.left_out),
            ", ".join(f"{names[m]} {one.mixture.weights[m]:.3g}" for m in one.mixture.members),
            str(tuned.passes.of_members(one.mixture).passes),
        )
        for one in mixtures.by_name.values()
    ]
    print_table(
        f"{tuned.metric.title} with the best thresholds; {tuned.groups}",
        ("", "groups left out", "over equal, points", "worst group", "weights", "passes"),
        [(*_empty_masks_row(tuned), "-", "-", "-", "0"), *rows],
    )


def _empty_masks_row(tuned: "TunedOverlapping") -> tuple[str, str]:
    """Empty masks in all images, and their score."""
    from seg.evaluate.tune.overlapping.judge_decisions import NOTHING

    return NOTHING, f"{tuned.mixtures.nothing:.4f}"


def _print_steps_of_rules(tuned: "TunedOverlapping", first: Sequence[tuple[str, ...]]) -> None:
    rows = [
        *first,
        *(
            (
                step.name,
                f"{step.left_out:.4f}",
                f"{100 * step.gain:+.2f} ± {100 * step.error:.2f}" if step.error else "-",
                "yes" if step.is_kept else "no",
            )
            for step in tuned.steps
        ),
    ]
    names = " + ".join(tuned.passes.names[member] for member in tuned.chosen.members)
    print_table(
        f"rules of {names}, whose weights and views stay: {tuned.metric.title}; {tuned.groups}",
        ("", "groups left out", "over what was kept, points", "kept"),
        rows,
    )


def _print_rules_of_classes(tuned: "TunedOverlapping") -> None:
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
