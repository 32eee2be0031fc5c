"""Saving a spec as YAML."""

import io
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML

from seg.files.atomic import write_text
from seg.spec.ensemble.ensemble import EnsembleSpec
from seg.spec.ensemble.output import OutputSpec
from seg.spec.yaml.edit import LINE_WIDTH
from seg.views import VIEW_SETS


def save_spec(spec: EnsembleSpec, path: Path) -> None:
    """Write the YAML that `load_ensemble` reads as this very spec.

    It has the keys that the spec was given, not their defaults, unless these are paths that would be others
    beside this YAML. A dataset is written in place. All paths are relative to the YAML's folder.
    """
    folder = path.absolute().parent
    values = spec.model_dump(exclude_unset=True, by_alias=True)
    if spec.runs != folder / _default_path_of(EnsembleSpec, "runs"):
        values["runs"] = spec.runs
    if spec.output.file != folder / _default_path_of(OutputSpec, "file"):
        values["output"] = {"file": spec.output.file, **values.get("output", {})}
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = LINE_WIDTH
    text = io.StringIO()
    yaml.dump(as_yaml_values(values, folder), text)
    write_text(path, text.getvalue())


def _default_path_of(model: type[BaseModel], name: str) -> Path:
    """A path that a spec has by default, relative to its YAML."""
    return Path(model.model_fields[name].default)


def as_yaml_values(value: Any, folder: Path) -> Any:
    """Dumped values of a spec as a YAML has them, with paths relative to its folder."""
    match value:
        case Path():
            return _path_relative_to_yaml(value, folder)
        case dict():
            return {key: _value_of_key(key, inner, folder) for key, inner in value.items()}
        case tuple() | list():
            return [as_yaml_values(inner, folder) for inner in value]
    return value


def _value_of_key(key: str, value: Any, folder: Path) -> Any:
    if key == "views" and value in VIEW_SETS.values():
        return next(name for name, views in VIEW_SETS.items() if views == value)
    if key == "encoder_weights" and value is not None and Path(value).is_absolute():
        return _path_relative_to_yaml(Path(value), folder)
    return as_yaml_values(value, folder)


def _path_relative_to_yaml(path: Path, folder: Path) -> str:
    """Relative to the folder, and no home folder where its name begins with `~`."""
    if not path.is_absolute():
        return str(path)
    relative = os.path.relpath(path, folder)
    return f"./{relative}" if relative.startswith("~") else relative
