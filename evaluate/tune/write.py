"""A mixture, written into the ensemble's YAML."""

from pathlib import Path
from typing import Final

from seg.evaluate.tune.mixture import Mixture, Views
from seg.spec import EnsembleSpec
from seg.spec.splice import Place, Value, set_values
from seg.views import VIEW_SETS, ViewSetName

DIGITS: Final = 4


def write_back(path: Path, spec: EnsembleSpec, mixture: Mixture) -> None:
    """Set weight and views of every member, and the merge, in the file that the spec was read from.

    A member without weight stays, with weight 0, so that a later tuning can take it back.
    """
    changes: dict[Place, Value] = {}
    for position, member in enumerate(spec.members):
        weight = mixture.weights[position]
        changes["members", position, "weight"] = round(weight, DIGITS)
        if weight > 0 and set(mixture.views[position]) != set(spec.views_of(member)):
            changes["members", position, "views"] = _spelled(mixture.views[position])
    if mixture.merge != spec.merge:
        changes["merge",] = mixture.merge
    set_values(path, changes)


def _spelled(views: Views) -> ViewSetName | Views:
    """As a set's name where there is one."""
    return next((name for name, names in VIEW_SETS.items() if set(names) == set(views)), views)
