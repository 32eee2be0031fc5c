"""Writing into a YAML file that people write too: their comments, order and layout stay."""

import io
import re
from collections.abc import Callable, Mapping
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

    def change(block: CommentedMap) -> None:
        if not isinstance(block.get(key), CommentedMap):
            block[key] = CommentedMap()
        block[key].update({name: _plain(value) for name, value in values.items()})

    _rewrite(path, key, change)


def write_into_items(path: Path, key: str, values: Mapping[int, Mapping[str, Any]]) -> None:
    """Write values into mappings of the list under the top-level `key`, by their position in it.

    Raises:
        SpecError: the file cannot be read, or is no YAML.
    """

    def change(block: CommentedMap) -> None:
        for position, inside in values.items():
            block[key][position].update({name: _plain(value) for name, value in inside.items()})

    _rewrite(path, key, change)


def write_value(path: Path, key: str, value: str | float) -> None:
    """Write the value of a top-level key, which need not be there.

    Raises:
        SpecError: the file cannot be read, or is no YAML.
    """
    _rewrite(path, key, lambda block: block.update({key: value}))


def _rewrite(path: Path, key: str, change: Callable[[CommentedMap], None]) -> None:
    """Change the block of one top-level key, and no other line of the file."""
    document = parse(path)
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    start, end = _lines_of(document, key, lines)
    yaml = _yaml(text)
    block = yaml.load("".join(lines[start:end])) or CommentedMap()
    change(block)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    write_text(path, "".join([*lines[:start], _dumped(yaml, block), *lines[end:]]))


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


def _dumped(yaml: YAML, block: CommentedMap) -> str:
    target = io.StringIO()
    yaml.dump(block, target)
    # Where it breaks a line within a list, ruamel leaves a space.
    return "".join(f"{line.rstrip()}\n" for line in target.getvalue().splitlines())


def _yaml(text: str) -> YAML:
    """As the text is laid out: lists stand under their key, or are indented."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = LINE_WIDTH
    if re.search(r"^( +)- ", text, re.MULTILINE):
        yaml.indent(sequence=4, offset=2)
    return yaml
