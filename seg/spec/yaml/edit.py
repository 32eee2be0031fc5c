"""Writing into a YAML file that people write too: their comments, order and layout stay."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from seg.files.atomic import write_text
from seg.spec.yaml.yaml_text import parse_yaml_text, read_yaml_text

LINE_WIDTH = 110


def write_under_key(path: Path, key: str, values: Mapping[str, Any], without: Iterable[str] = ()) -> None:
    """Write `values` into the mapping under the top-level `key`, which need not be there.

    All lines outside that mapping stay as they are, and inside it what `values` does not name, but for the
    keys in `without`. What stood under the key and was no mapping goes.

    Raises:
        SpecError: the file cannot be read, or is no YAML.
    """
    text = read_yaml_text(path)
    document = parse_yaml_text(text, path)
    lines = text.splitlines(keepends=True)
    start, end = _lines_of_yaml_block(document, key, lines)
    block = parse_yaml_text("".join(lines[start:end]), path) or CommentedMap()
    inside = block.get(key)
    if not isinstance(inside, CommentedMap):
        block[key] = inside = CommentedMap()
    for name in without:
        inside.pop(name, None)
    inside.update({name: _plain_yaml_value(value) for name, value in values.items()})
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    write_text(path, "".join([*lines[:start], _dump_yaml_block(block), *lines[end:]]))


def _lines_of_yaml_block(document: CommentedMap, key: str, lines: list[str]) -> tuple[int, int]:
    """The first line of a key's block and that after it: of none where it is new, of all in braces."""
    if document.fa.flow_style():
        return 0, len(lines)
    first_lines = {name: place[0] for name, place in (document.lc.data or {}).items()}
    if key not in first_lines:
        return len(lines), len(lines)
    start = first_lines[key]
    below = [line for line in first_lines.values() if line > start]
    if not below:
        return start, len(lines)
    # Comments at the margin, and empty lines, belong to what comes below them.
    last = next(n for n in range(min(below) - 1, -1, -1) if lines[n].strip() and lines[n][0] != "#")
    return start, last + 1


def _plain_yaml_value(value: Any) -> Any:
    """As YAML has it; lists of numbers stay on one line."""
    if isinstance(value, Mapping):
        return CommentedMap({name: _plain_yaml_value(inner) for name, inner in value.items()})
    if isinstance(value, list | tuple):
        numbers = CommentedSeq(value)
        numbers.fa.set_flow_style()
        return numbers
    return value


def _dump_yaml_block(block: CommentedMap) -> str:
    target = io.StringIO()
    yaml = YAML(typ="rt")
    yaml.width = LINE_WIDTH
    yaml.dump(block, target)
    # Where it breaks a line within a list, ruamel leaves a space.
    return "".join(f"{line.rstrip()}\n" for line in target.getvalue().splitlines())
