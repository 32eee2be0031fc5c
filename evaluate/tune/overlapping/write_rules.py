"""Writing weights and rules into the ensemble's YAML."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seg.evaluate.tune.overlapping.fit_rules import FITTED
from seg.evaluate.tune.overlapping.tune import TunedOverlapping
from seg.evaluate.tune.write_spec import COMMENT, DIGITS, changed_views
from seg.labels.classes import ClassInfo
from seg.spec import EnsembleSpec
from seg.spec.ensemble.decision import ClassRule
from seg.spec.ensemble.metric import title_of
from seg.spec.yaml.edit import write_under
from seg.spec.yaml.splice import Place, Value, set_comment, set_values
from seg.terminal.words import printable


def write_overlapping(path: Path, spec: EnsembleSpec, tuned: TunedOverlapping) -> None:
    """Set weight and views of every member and the rule of every class in the spec's own file.

    The evidence becomes a comment above the members, in place of that of an earlier tuning.
    """
    changes: dict[Place, Value] = {}
    mixture = tuned.mixture.mixture
    for position, weight in enumerate(mixture.weights):
        changes["members", position, "weight"] = round(weight, DIGITS)
        changes |= changed_views(spec, mixture, position)
    set_values(path, changes)
    decision = decision_of(spec, tuned.passes.split.classes, tuned.rules)
    if decision != spec.decision.model_dump(exclude_unset=True):
        write_under(path, "decision", decision, without=(*FITTED, "classes"))
    set_comment(path, "members", COMMENT, printable(evidence_of(tuned)))


def decision_of(
    spec: EnsembleSpec, classes: Sequence[ClassInfo], rules: Sequence[ClassRule]
) -> dict[str, Any]:
    """The decision with the fitted keys of each class, and without those that say what is the default."""
    written = spec.decision.model_dump(exclude_unset=True)
    kept = {key: value for key, value in written.items() if key not in (*FITTED, "classes")}
    by_class: dict[str, Any] = {}
    for info, rule in zip(classes, rules, strict=True):
        own = {k: v for k, v in written.get("classes", {}).get(info.name, {}).items() if k not in FITTED}
        fitted = {k: v for k, v in rule.model_dump(exclude_defaults=True).items() if k in FITTED}
        if own | fitted:
            by_class[info.name] = own | fitted
    return {**kept, **({"classes": by_class} if by_class else {})}


def evidence_of(tuned: TunedOverlapping) -> str:
    """What was kept, what it scores on groups that were left out, and on what that was judged."""
    names = [tuned.mixture.name, *(step.name for step in tuned.kept[1:] or tuned.kept)]
    gain = tuned.left_out - tuned.kept[0].left_out
    return (
        f"{', '.join(names)}: {tuned.left_out:.4f} of {title_of(tuned.metric.name)} on groups that were left"
        f" out, {100 * gain:+.2f} points over thresholds of 0.5,"
        f" {100 * (tuned.left_out - tuned.nothing):+.2f} over nothing predicted, of {tuned.groups}"
    )
