"""Values set in a YAML file by cutting and pasting its text: every other character stays."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from seg.files.atomic import write_text
from seg.spec.yaml.yaml_text import parse_yaml_text, read_yaml_text

Place = tuple[str | int, ...]
"""Keys and positions from the top of the file, such as `("members", 0, "weight")`."""

Value = str | float | Sequence[str] | Mapping[str, Any] | None

_BREAK: Final = "\n"
_PLAIN: Final = re.compile(r"(?!(?i:y|n|yes|no|on|off|true|false|null)$)[A-Za-z_][A-Za-z0-9_-]*")


def set_yaml_values(path: Path, values: Mapping[Place, Value]) -> None:
    """Write values at places whose mapping is there; a key that is not comes after the mapping's last.

    Raises:
        SpecError: the file cannot be read, or is no YAML.
    """
    text = read_yaml_text(path)
    parse_yaml_text(text, path)
    for place, value in values.items():
        text = _text_with_value(text, place, _value_as_yaml_text(value))
    write_text(path, text)


def set_yaml_comment(path: Path, key: str, beginning: str, comment: str) -> None:
    """Write a comment line above a key of the file, in place of earlier ones with the same beginning.

    Raises:
        SpecError: the file cannot be read, or is no YAML.
    """
    lines = read_yaml_text(path).splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith(beginning))
    parse_yaml_text(text, path)
    root = YAML(typ="rt", pure=True).compose(text)
    mark = next(name.start_mark.index for name, _ in root.value if name.value == key)
    start = 0 if root.flow_style else mark
    write_text(path, f"{text[:start]}{beginning}{comment}{_BREAK}{text[start:]}")


def _text_with_value(text: str, place: Place, spelled: str) -> str:
    *way, key = place
    mapping = _yaml_node_at(YAML(typ="rt", pure=True).compose(text), way)
    old = _value_of_yaml_key(mapping, key)
    if old is not None:
        return text[: old.start_mark.index] + spelled + text[_end_of_yaml_value(old, text) :]
    last = mapping.value[-1][1]
    end = _end_of_yaml_value(last, text)
    if mapping.flow_style:
        start = mapping.start_mark.index
        inside = f"{text[start:end]}, {key}: {spelled}"
        # In a list a mapping of one pair may stand without its braces.
        return text[:start] + (inside if inside[0] == "{" else f"{{{inside}}}") + text[end:]
    end = _end_of_yaml_line(text, end)
    indent = " " * mapping.value[0][0].start_mark.column
    return f"{text[:end]}{_BREAK}{indent}{key}: {spelled}{text[end:]}"


def _yaml_node_at(node: Any, way: Sequence[str | int]) -> Any:
    for step in way:
        node = node.value[step] if isinstance(step, int) else _value_of_yaml_key(node, step)
    return node


def _value_of_yaml_key(mapping: Any, key: str | int) -> Any:
    return next((value for name, value in mapping.value if name.value == key), None)


def _end_of_yaml_value(node: Any, text: str) -> int:
    """Where a value's text ends; a block's mark stands behind the blank lines and comments below it."""
    while node.value and not isinstance(node.value, str) and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end: int = node.end_mark.index
    return len(text[:end].rstrip()) if end > node.start_mark.index else end


def _end_of_yaml_line(text: str, index: int) -> int:
    found = text.find(_BREAK, index)
    return len(text) if found < 0 else found


def _yaml_key(name: str) -> str:
    """Quoted, unless it is plain beyond doubt."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _value_as_yaml_text(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{_yaml_key(name)}: {_value_as_yaml_text(inner)}" for name, inner in value.items())
            + "}"
        )
    if isinstance(value, bool | None):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value)
    return f"{value:g}" if isinstance(value, float) else f"[{', '.join(value)}]"
