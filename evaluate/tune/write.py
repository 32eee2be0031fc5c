"""A mixture, written into the ensemble's YAML."""

from pathlib import Path
from typing import Any, Final

from seg.evaluate.tune.mixture import Mixture, Views
from seg.spec import EnsembleSpec
from seg.spec.edit import write_into_items, write_value
from seg.views import VIEW_SETS, ViewSetName

DIGITS: Final = 4


def write_back(path: Path, spec: EnsembleSpec, mixture: Mixture) -> None:
    """Set weight and views of every member, and the merge, in the file that the spec was read from.

    A member without weight stays, with weight 0, so that a later tuning can take it back.
    """
    changes: dict[int, dict[str, Any]] = {}
    for position, member in enumerate(spec.members):
        weight = mixture.weights[position]
        changes[position] = {"weight": round(weight, DIGITS)}
        if weight > 0 and set(mixture.views[position]) != set(spec.views_of(member)):
            changes[position]["views"] = _spelled(mixture.views[position])
    write_into_items(path, "members", changes)
    if mixture.merge != spec.merge:
        write_value(path, "merge", mixture.merge)


def _spelled(views: Views) -> ViewSetName | Views:
    """As a set's name where there is one."""
    return next((name for name, names in VIEW_SETS.items() if set(names) == set(views)), views)
