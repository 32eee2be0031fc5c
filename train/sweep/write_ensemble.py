"""Write the YAML of an ensemble whose members are the chosen trials."""

import os
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from seg.files.atomic import write_text
from seg.spec.recipe.recipe import RecipeSpec
from seg.spec.recipe.sweep import SweepSpec
from seg.spec.yaml.save import as_yaml_values
from seg.train.sweep.choose import ChosenTrial

LINE_WIDTH: Final = 200


def write_ensemble_of_trials(path: Path, sweep: SweepSpec, chosen: Sequence[ChosenTrial]) -> None:
    """Write a spec whose members are the trials, with their run folders, so that they need not be trained."""
    folder = path.absolute().parent
    members = CommentedSeq()
    for position, one in enumerate(chosen):
        recipe = sweep.with_setting(one.outcome.setting)
        network = {"architecture": recipe.architecture, "encoder": recipe.encoder}
        members.append(
            CommentedMap({"name": one.outcome.name} | network | _non_default_values(recipe, folder))
        )
        comment = f"alone {one.outcome.score:.4f}, with those above {one.score:.4f}"
        members.yaml_set_comment_before_after_key(position, before=comment, indent=2)
    document = CommentedMap(
        {
            "data": as_yaml_values(sweep.data.model_dump(exclude_unset=True), folder),
            **_metric_of_sweep(sweep),
            "members": members,
            "views": sweep.recipe.train_views,
            "runs": _relative_to_folder(sweep.runs, folder),
        }
    )
    document.yaml_set_start_comment(f"The {len(chosen)} trials of a sweep that are best together.")
    yaml = YAML()
    yaml.width = LINE_WIDTH
    yaml.indent(sequence=4, offset=2)
    text = StringIO()
    yaml.dump(document, text)
    write_text(path, text.getvalue())


def _metric_of_sweep(sweep: SweepSpec) -> dict[str, Any]:
    """The sweep's metric, if it names one."""
    if "metric" not in sweep.model_fields_set:
        return {}
    given = sweep.metric.model_dump(exclude_unset=True)
    return {"metric": given["name"] if len(given) == 1 else given}


def _non_default_values(spec: Any, folder: Path) -> dict[str, Any]:
    """The values of a spec that differ from the defaults, with paths relative to a folder."""
    values: dict[str, Any] = spec.model_dump(mode="json", exclude_defaults=True)
    for name, value in values.items():
        if isinstance(value, list) and not any(isinstance(one, dict) for one in value):
            values[name] = CommentedSeq(value)
            values[name].fa.set_flow_style()
    weights = values.get("encoder_weights")
    if isinstance(spec, RecipeSpec) and weights and Path(weights).is_absolute():
        values["encoder_weights"] = _relative_to_folder(Path(weights), folder)
    return values


def _relative_to_folder(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder)
