"""A spec as the YAML that says the same."""

import io
import os
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from seg.files import write_text
from seg.spec.edit import LINE_WIDTH
from seg.spec.ensemble import EnsembleSpec
from seg.views import VIEW_SETS


def save_spec(spec: EnsembleSpec, path: Path) -> None:
    """Write the YAML that `load_ensemble` reads as this very spec.

    It has the keys that the spec was given, not their defaults; a dataset is written in place. Paths are
    relative to the YAML's folder.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False  # type: ignore[assignment]
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = LINE_WIDTH
    text = io.StringIO()
    yaml.dump(_as_yaml(spec.model_dump(exclude_unset=True), path.absolute().parent), text)
    write_text(path, text.getvalue())


def _as_yaml(value: Any, folder: Path) -> Any:
    match value:
        case Path():
            return _relative(value, folder)
        case dict():
            return {key: _of_key(key, inner, folder) for key, inner in value.items()}
        case tuple() | list():
            return [_as_yaml(inner, folder) for inner in value]
    return value


def _of_key(key: str, value: Any, folder: Path) -> Any:
    if key == "views" and value in VIEW_SETS.values():
        return next(name for name, views in VIEW_SETS.items() if views == value)
    if key == "encoder_weights" and value is not None and Path(value).is_absolute():
        return _relative(Path(value), folder)
    return _as_yaml(value, folder)


def _relative(path: Path, folder: Path) -> str:
    """Relative to the folder, and no home folder where its name begins with `~`."""
    relative = os.path.relpath(path, folder)
    return f"./{relative}" if relative.startswith("~") else relative
