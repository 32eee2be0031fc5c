"""Text in messages: plurals, and other people's text made printable on one line."""

from typing import Final

_LONGEST: Final = 1000


def counted(number: int, thing: str) -> str:
    """A number of things: `1 image`, `2 images`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def printable(text: str) -> str:
    """Text on one line of limited length, with control characters and lone surrogates escaped."""
    if len(text) > _LONGEST:
        half = _LONGEST // 2
        text = f"{text[:half]} ... {text[-half:]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
