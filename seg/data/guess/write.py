"""A guess as the text of a dataset YAML, with what is unsure as comments."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from seg.data.guess.result import Guess

_LINE: Final = 100
_PLAIN: Final = re.compile(r"(?!(?i:y|n|yes|no|on|off|true|false|null|~)$)[A-Za-z0-9_./][A-Za-z0-9_./() -]*")


def yaml_of_guess(guess: Guess, folder: Path) -> str:
    """The YAML; its paths are relative to `folder`, in which it is to be written."""
    lines = [f"# {guess.layout}, as `seg data guess` sees it" + ("; please check:" if guess.unsure else "")]
    lines += [f"# - {one}" for one in guess.unsure]
    if guess.output:
        lines.append(
            f"# The ensemble's YAML takes the contest's form: output: {_yaml_text(guess.output, folder)}"
        )
    if guess.recipe:
        lines.append(f"# It draws crops from these few images: recipe: {_yaml_text(guess.recipe, folder)}")
    for key, value in guess.dataset.items():
        text = _yaml_text(value, folder)
        if len(text) > _LINE and isinstance(value, Sequence) and not isinstance(value, str):
            lines += [f"{key}:", *(f"  - {_yaml_text(entry, folder)}" for entry in value)]
        elif len(text) > _LINE and isinstance(value, Mapping):
            lines += [
                f"{key}:",
                *(f"  {inner}: {_yaml_text(entry, folder)}" for inner, entry in value.items()),
            ]
        else:
            lines.append(f"{key}: {text}")
    return "\n".join(lines) + "\n"


def _yaml_text(value: Any, folder: Path) -> str:
    if isinstance(value, Path):
        return _yaml_scalar(os.path.relpath(value, folder))
    if isinstance(value, str):
        return _yaml_scalar(value)
    if isinstance(value, Mapping):
        return (
            "{ "
            + ", ".join(f"{_yaml_scalar(key)}: {_yaml_text(inner, folder)}" for key, inner in value.items())
            + " }"
        )
    if isinstance(value, Sequence):
        return "[" + ", ".join(_yaml_text(inner, folder) for inner in value) + "]"
    return str(value)


def _yaml_scalar(text: str) -> str:
    is_number = re.fullmatch(r"[\d._]+(e\d+)?", text)
    return text if _PLAIN.fullmatch(text) and not is_number else json.dumps(text, ensure_ascii=False)
