"""Writing into a YAML file that people write too: their comments, order and layout stay."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from seg.files import write_text
from seg.spec.source import parse

LINE_WIDTH = 110


def write_under(path: Path, key: str, values: Mapping[str, Any]) -> None:
    """Write `values` into the mapping under the top-level `key`, which need not be there.

    All lines outside that mapping stay as they are, and inside it what `values` does not name. What
    stood under the key and was no mapping goes.

    Raises:
        SpecError: the file cannot be read, or is no YAML.
    """
    document = parse(path)
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    start, end = _lines_of(document, key, lines)
    block = _yaml().load("".join(lines[start:end])) or CommentedMap()
    inside = block.get(key)
    if not isinstance(inside, CommentedMap):
        block[key] = inside = CommentedMap()
    inside.update({name: _plain(value) for name, value in values.items()})
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    write_text(path, "".join([*lines[:start], _dumped(block), *lines[end:]]))


def _lines_of(document: CommentedMap, key: str, lines: list[str]) -> tuple[int, int]:
    """The first line of a key's block and that after it: of none where it is new, of all in braces."""
    if document.fa.flow_style():
        return 0, len(lines)
    if key not in document:
        return len(lines), len(lines)
    start = document.lc.key(key)[0]
    below = [line for other in document if (line := document.lc.key(other)[0]) > start]
    if not below:
        return start, len(lines)
    # Comments at the margin, and empty lines, belong to what comes below them.
    last = next(n for n in range(min(below) - 1, -1, -1) if lines[n].strip() and lines[n][0] != "#")
    return start, last + 1


def _plain(value: Any) -> Any:
    """As YAML has it; lists of numbers stay on one line."""
    if isinstance(value, Mapping):
        return CommentedMap({name: _plain(inner) for name, inner in value.items()})
    if isinstance(value, list | tuple):
        numbers = CommentedSeq(value)
        numbers.fa.set_flow_style()
        return numbers
    return value


def _dumped(block: CommentedMap) -> str:
    target = io.StringIO()
    _yaml().dump(block, target)
    # Where it breaks a line within a list, ruamel leaves a space.
    return "".join(f"{line.rstrip()}\n" for line in target.getvalue().splitlines())


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = LINE_WIDTH
    return yaml
