"""YAML as people write specs: plain values, bounded in bytes, depth and what aliases unfold to.

Everything beyond is refused with its line before anything large is built: a few lines of aliases can stand
for gigabytes, and a tag can ask for objects of any kind.
"""

import re
import stat
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent, ScalarEvent
from ruamel.yaml.nodes import Node

from seg.errors import SpecError
from seg.terminal.words import printable_line

MOST_BYTES: Final = 2**18
MOST_VALUES: Final = 10_000
MOST_LEVELS: Final = 40
MOST_BITS: Final = 1024
"""Of a whole number; no float is larger."""

_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_yaml_text(path: Path) -> str:
    """The text of a YAML file; raises SpecError where it is no file of bearable size with UTF-8 text."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
        if kind != stat.S_IFREG:
            raise SpecError(f"{path}: is {_KINDS.get(kind, 'no file')}: name a YAML file")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise SpecError(f"{path}: is larger than {MOST_BYTES // 1024} KiB: name a YAML file")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{path}:{line}: is not UTF-8 text (byte {error.start})") from error
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise SpecError(f"{path}:{line}: not valid YAML: character U+{ord(found[0]):04X} cannot stand in it")
    return text


def parse_yaml_text(text: str, path: Path) -> Any:
    """The document in a YAML text, which knows its lines and comments.

    Args:
        path: the file it comes from, for messages.

    Raises:
        SpecError: it is not valid YAML, or beyond what a spec can be.
    """
    try:
        return parse_plain_yaml(text)
    except ValueError as error:
        raise SpecError(f"{path}:{error}") from error


def parse_plain_yaml(text: str) -> Any:
    """The same, of a text from anywhere; raises ValueError, whose message begins with the line."""
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.Composer = _BoundedComposer
    yaml.Constructor = _PlainConstructor
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else yaml.reader.line
        problem = (error.problem or "cannot be parsed").split("\n")[0]
    except Exception as error:
        # The parser meets odd text with errors of its own kinds, such as ValueError and AttributeError.
        line = yaml.reader.line
        problem = next(iter(str(error).splitlines()), type(error).__name__)
    raise ValueError(f"{line + 1}: not valid YAML: {printable_line(problem)}")


class _BoundedComposer(Composer):
    """Counts the values of a document, those that aliases repeat among them."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self._values = 0
        self._levels = 0
        self._sizes: dict[str, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        if isinstance(event, AliasEvent) and event.anchor in self.anchors:
            if event.anchor not in self._sizes:
                raise _yaml_refusal(f"{event.anchor!r} contains itself", event)
            self._count(self._sizes[event.anchor], event)
            return super().compose_node(parent, index)
        _refuse_yaml_tag(event)
        if isinstance(event, ScalarEvent) and _NO_TEXT.search(event.value):
            raise _yaml_refusal("an escape stands for no character of a text", event)
        before = self._values
        self._count(1, event)
        self._levels += 1
        if self._levels > MOST_LEVELS:
            raise _yaml_refusal(f"nested deeper than {MOST_LEVELS} levels", event)
        node = super().compose_node(parent, index)
        self._levels -= 1
        if event.anchor is not None:
            self._sizes[event.anchor] = self._values - before
        return node

    def _count(self, more: int, event: Any) -> None:
        self._values += more
        if self._values > MOST_VALUES:
            raise _yaml_refusal(
                f"more than {MOST_VALUES} values, those that aliases repeat among them", event
            )


class _PlainConstructor(RoundTripConstructor):
    """Names the line of a value that is none of its kind, such as the 45th of a month."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int) and value.bit_length() > MOST_BITS:
                raise ValueError(f"it has more than {MOST_BITS} bits")
            return value
        except (ValueError, TypeError, OverflowError) as error:
            reason = str(error).split(":")[0]
            problem = f"{_shortened_yaml_value(node.value)!r} is no value: {reason}"
            raise ConstructorError(None, None, problem, node.start_mark) from error


def _refuse_yaml_tag(event: Any) -> None:
    tag = getattr(event, "tag", None)
    if tag is not None and tag != "!":
        written = _shortened_yaml_value(str(tag).replace("tag:yaml.org,2002:", "!!"))
        raise _yaml_refusal(f"the tag {written!r} has no meaning in a spec: remove it", event)


def _yaml_refusal(problem: str, event: Any) -> ComposerError:
    return ComposerError(None, None, problem, event.start_mark)


def _shortened_yaml_value(value: Any) -> str:
    text = value if isinstance(value, str) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:40]}..."
