"""Path patterns such as `leftImg8bit/train/{city}/{name}_leftImg8bit.png`: matched to paths, and filled.

A placeholder `{name}` stands for text within one folder or file name, `*` for any such text, `**/` for any
folders. A placeholder that is named twice stands for the same text twice. Where a wildcard leaves a choice, a
placeholder stands for the shortest text.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Final

from seg.data.pairing.time_limit import match_time_limit

_PART: Final = re.compile(r"\{(\w+)\}|(\*\*/)|(\*)|(\?)|([^{*?]+|\{)")
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")

Captures = Mapping[str, str]
"""The text of each placeholder."""


class PathPattern:
    """A path pattern.

    Example:
        >>> Pattern("{city}/{name}_leftImg8bit.png").match("aachen/aachen_01_leftImg8bit.png")
        {'city': 'aachen', 'name': 'aachen_01'}
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def names(self) -> tuple[str, ...]:
        """The placeholders, in order of their first appearance."""
        return tuple(dict.fromkeys(_PLACEHOLDER.findall(self.text)))

    @property
    def glob(self) -> str:
        """The pattern with `*` for each placeholder."""
        return _PLACEHOLDER.sub("*", self.text)

    def match(self, path: str) -> dict[str, str] | None:
        """The text of each placeholder in a POSIX path, or None where it does not match.

        Raises:
            ValueError: it has no wildcard, and matches in more than one way, or it takes too long.
        """
        with match_time_limit():
            captures = self._captures(self._shortest, path)
            other = captures and self._captures(self._longest, path)
        if captures and other and other != captures and "*" not in self.text:
            name = next(name for name, text in captures.items() if other[name] != text)
            raise ValueError(
                f"matches {path!r} in two ways, with {{{name}}} as {captures[name]!r} or {other[name]!r}:"
                " put fixed text between the placeholders, or join them into one"
            )
        return captures

    def _captures(self, expression: re.Pattern[str], path: str) -> dict[str, str] | None:
        found = expression.fullmatch(path)
        return found and dict(zip(self.names, found.groups(), strict=True))

    def fill(self, captures: Captures) -> str:
        """The pattern with the text of each placeholder; wildcards stay.

        Raises:
            KeyError: a placeholder has no text.
        """
        return _PLACEHOLDER.sub(lambda one: captures[one[1]], self.text)

    @cached_property
    def _shortest(self) -> re.Pattern[str]:
        return _compile_path_pattern(self.text, "[^/]+?")

    @cached_property
    def _longest(self) -> re.Pattern[str]:
        return _compile_path_pattern(self.text, "[^/]+")


def has_placeholders(text: str) -> bool:
    return bool(_PLACEHOLDER.search(text))


def _compile_path_pattern(text: str, of_placeholder: str) -> re.Pattern[str]:
    seen: dict[str, int] = {}

    def expression(part: re.Match[str]) -> str:
        name, folders, star, one, fixed = part.groups()
        if name:
            if name in seen:
                return f"(?:\\{seen[name]})"
            seen[name] = len(seen) + 1
            return f"({of_placeholder})"
        if folders:
            return "(?:[^/]+/)*"
        return "[^/]*" if star else "[^/]" if one else re.escape(fixed)

    return re.compile(_PART.sub(expression, text))
