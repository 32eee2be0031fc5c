"""Text in messages: plurals, and other people's text made printable on one line."""

from typing import Final

_LONGEST: Final = 1000


def pluralise(number: int, thing: str) -> str:
    """A number of things: `1 image`, `2 images`, `2 passes`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}{'es' if thing.endswith('s') else 's'}"


def duration_in_words(seconds: float) -> str:
    """A time in its two largest units: `45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    for size, unit, smaller_size, smaller in ((3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller_size} {smaller}"
    return f"{whole} s"


def printable_line(text: str) -> str:
    """Text on one line of limited length, with control characters and lone surrogates escaped."""
    if len(text) > _LONGEST:
        half = _LONGEST // 2
        text = f"{text[:half]} ... {text[-half:]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
