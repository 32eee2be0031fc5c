"""Writing weights and rules into the ensemble's YAML."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seg.evaluate.tune.overlapping.fit_rules import FITTED
from seg.evaluate.tune.overlapping.tune import TunedOverlapping
from seg.evaluate.tune.write_spec import write_mixture
from seg.labels.classes import ClassInfo
from seg.spec import EnsembleSpec
from seg.spec.ensemble.decision import ClassRule
from seg.spec.yaml.edit import write_under_key


def write_weights_and_rules(path: Path, spec: EnsembleSpec, tuned: TunedOverlapping) -> None:
    """Set the mixture and the rule of every class in the spec's own file.

    The evidence becomes a comment above the members, in place of that of an earlier tuning.
    """
    classes = tuned.passes.split.classes
    write_mixture(path, spec, tuned.written, classes, describe_rules_evidence(tuned))
    decision = decision_with_rules(spec, classes, tuned.rules)
    if decision != spec.decision.model_dump(exclude_unset=True):
        write_under_key(path, "decision", decision, without=(*FITTED, "classes"))


def decision_with_rules(
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


def describe_rules_evidence(tuned: TunedOverlapping) -> str:
    """What was kept, what it scores on groups that were left out, and on what that was judged."""
    names = [tuned.mixture.name, *(step.name for step in tuned.kept[1:] or tuned.kept)]
    what = tuned.metric.title + ("" if tuned.criterion == "mean" else " of the worst group")
    gain = tuned.left_out - tuned.kept[0].left_out
    judged_on = f"{tuned.groups}, of training out of fold" if tuned.on == "folds" else str(tuned.groups)
    return (
        f"{', '.join(names)}: {tuned.left_out:.4f} of {what} on groups that were left"
        f" out, {100 * gain:+.2f} points over thresholds of 0.5,"
        f" {100 * (tuned.left_out - tuned.mixtures.nothing):+.2f} over nothing predicted, of {judged_on}"
    )
