"""Patterns of image ids: text with parts of an image's path in braces, as in `case{c}_day{d}_slice_{s}`."""

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Final

from pydantic import AfterValidator

CLASS: Final = "class"
KNOWN: Final = ("name", "stem", "file_name")
"""What an image is called: its id in seg, its file's name without ending, its path with folder and ending."""

_SEPARATORS: Final = "_-/. "


@dataclass(frozen=True, slots=True)
class ParsedIdPattern:
    """A parsed pattern.

    A name in braces other than those of `KNOWN` stands for the text that follows, in the image's path, the
    words before its braces, up to the next separator (one of `_-/` or a space). Separators before those words
    may differ: `_slice_{s}` is 0001 in `day0/scans/slice_0001_80.png`.

    Attributes:
        parts: literal text and the name in braces after it, or None at the end; without `{class}`.
        class_separator: the text before `{class}` at the end; None if the id names no class.
    """

    parts: tuple[tuple[str, str | None], ...]
    class_separator: str | None = None

    def fill(self, name: str, file_name: str) -> str:
        """The id of an image, without its class.

        Args:
            name: the image's id in seg.
            file_name: its path with folder and ending.

        Raises:
            ValueError: the path lacks a part.
        """
        known = {"name": name, "file_name": file_name, "stem": PurePosixPath(file_name).stem}
        return "".join(
            literal
            + (
                ""
                if part is None
                else known[part]
                if part in known
                else _part_of_path(file_name, literal, part)
            )
            for literal, part in self.parts
        )

    def values(self, file_name: str) -> dict[str, str]:
        """The part of an image's path for each name; raises ValueError if the path lacks one."""
        return {
            name: _part_of_path(file_name, literal, name) for literal, name in self.parts if name is not None
        }


def parse_id_pattern(text: str) -> ParsedIdPattern:
    """Parse a pattern; raises ValueError if braces do not match, or `{class}` is not at the end."""
    parts = tuple(_parts_of_id_pattern(text))
    names = [name for _, name in parts if name is not None]
    if not names or names == [CLASS]:
        raise ValueError(f"{text!r} is the same for all images: use {{name}}, {{stem}} or {{file_name}}")
    if CLASS in names[:-1] or (CLASS in names and parts[-1][1] != CLASS):
        raise ValueError("{class} is at the end of an id, as in '{name}_{class}'")
    for literal, name in parts:
        if name not in (None, CLASS, *KNOWN) and not literal.strip(_SEPARATORS):
            raise ValueError(
                f"{{{name}}} has no text before it by which it is found in a path, as in 'slice_{{{name}}}';"
                f" known without: {', '.join(f'{{{known}}}' for known in KNOWN)}"
            )
    if parts[-1][1] != CLASS:
        return ParsedIdPattern(parts)
    before = parts[-1][0]
    rest = before.rstrip(_SEPARATORS)
    if rest == before:
        raise ValueError("{class} needs a separator before it, as in '{name}_{class}'")
    return ParsedIdPattern((*parts[:-1], (rest, None)), before.removeprefix(rest))


def _parts_of_id_pattern(text: str) -> Iterator[tuple[str, str | None]]:
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"{text!r} has unmatched braces: {error}") from error
    for literal, name, form, conversion in parsed:
        if name is not None and (form or conversion or not name.isidentifier()):
            raise ValueError(f"{text!r} has braces that hold no name: write a name, such as {{stem}}")
        yield literal, name


def _part_of_path(file_name: str, literal: str, name: str) -> str:
    words = re.escape(literal.lstrip(_SEPARATORS))
    path = str(PurePosixPath(file_name).with_suffix(""))
    found = re.findall(rf"(?:^|[{re.escape(_SEPARATORS)}]){words}([^_\-/ ]+)", path)
    if not found:
        raise ValueError(f"has no {literal.lstrip(_SEPARATORS)!r} in its path, which {{{name}}} follows")
    return str(found[-1])


def _check_id_pattern(text: str) -> str:
    parse_id_pattern(text)
    return text


IdPattern = Annotated[str, AfterValidator(_check_id_pattern)]
"""The text of a pattern, in a spec."""
