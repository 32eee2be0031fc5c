"""Writing a mixture into the ensemble's YAML."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.tune.write_stacking import stacking_output, write_stacking
from seg.labels.classes import ClassInfo
from seg.spec import EnsembleSpec
from seg.spec.ensemble.tuned_on import TunedOnSpec
from seg.spec.yaml.edit import write_under_key
from seg.spec.yaml.splice import Place, Value, set_yaml_comment, set_yaml_values
from seg.terminal.words import printable_line
from seg.views import VIEW_SETS, ViewSetName

DIGITS: Final = 4
COMMENT: Final = "# seg tune: "


def write_mixture(
    path: Path,
    spec: EnsembleSpec,
    mixture: Mixture,
    classes: Sequence[ClassInfo],
    evidence: str = "",
    tuned_on: TunedOnSpec | None = None,
    *,
    areas_too: bool = False,
    overwrite: bool = False,
) -> None:
    """Set weight, temperature and views of every member, merge and class factors in the spec's own file.

    With `areas_too`, its least area is that of the mixture. A stacking gets a file of its own beside it; one
    there that seg did not write is replaced only with `overwrite`.

    A member without weight stays, with weight 0, so that a later tuning can take it back. The evidence
    becomes a comment above the members, in place of that of an earlier tuning. `tuned_on` describes the
    images.

    Raises:
        OutputError: the file of the stacking cannot be written.
    """
    changes: dict[Place, Value] = {}
    for position, member in enumerate(spec.members):
        weight = mixture.weights[position]
        changes["members", position, "weight"] = round(weight, DIGITS)
        temperature = round(mixture.temperature(position), DIGITS)
        if weight > 0 and temperature != member.temperature:
            changes["members", position, "temperature"] = temperature
        own = _factors_by_class_name(classes, mixture.class_weights_of(position))
        if weight > 0 and own != member.class_weights:
            changes["members", position, "class_weights"] = own
        changes |= changed_views(spec, mixture, position)
    if mixture.merge != spec.merge:
        changes["merge",] = mixture.merge
    factors = _factors_by_class_name(classes, mixture.factors)
    if factors != spec.class_factors:
        changes["class_factors",] = factors
    if mixture.stacking:
        output = stacking_output(path, spec, overwrite=overwrite)
        write_stacking(output, mixture.stacking, _spec_of_mixture(spec, mixture, classes), classes)
        changes["stacking",] = json.dumps(output.path.name, ensure_ascii=False)
    elif spec.stacking:
        changes["stacking",] = None
    set_yaml_values(path, changes)
    if areas_too and mixture.least_area != spec.decision.least_area:
        write_under_key(path, "decision", {"least_area": mixture.least_area})
    if tuned_on:
        write_under_key(path, "tuned_on", tuned_on.model_dump(exclude={"classes"}))
        set_yaml_values(path, {("tuned_on", "classes"): tuned_on.classes})
    if evidence:
        set_yaml_comment(path, "members", COMMENT, printable_line(evidence))


def _spec_of_mixture(spec: EnsembleSpec, mixture: Mixture, classes: Sequence[ClassInfo]) -> EnsembleSpec:
    """The spec without a stacking, whose members are as they are written."""
    members = tuple(
        member.model_copy(
            update={
                "weight": round(mixture.weights[position], DIGITS),
                "temperature": round(mixture.temperature(position), DIGITS),
                "class_weights": _factors_by_class_name(classes, mixture.class_weights_of(position)),
                "views": mixture.views[position],
            }
        )
        for position, member in enumerate(spec.members)
    )
    return spec.model_copy(update={"members": members, "stacking": None})


def changed_views(spec: EnsembleSpec, mixture: Mixture, position: int) -> dict[Place, Value]:
    """The views of a member with weight, if they differ from those of the spec."""
    views = mixture.views[position]
    if mixture.weights[position] == 0 or set(views) == set(spec.views_of(spec.members[position])):
        return {}
    return {("members", position, "views"): _name_of_view_set(views)}


def _factors_by_class_name(classes: Sequence[ClassInfo], values: Sequence[float]) -> dict[str, float]:
    """Values other than 1 by the names of classes."""
    rounded = zip(classes, (max(round(value, DIGITS), 10**-DIGITS) for value in values), strict=False)
    return {info.name: value for info, value in rounded if value != 1}


def _name_of_view_set(views: Views) -> ViewSetName | Views:
    """The name of the view set, if there is one."""
    return next((name for name, names in VIEW_SETS.items() if set(names) == set(views)), views)
