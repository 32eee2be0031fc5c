"""Words that depend on numbers."""


def counted(number: int, thing: str) -> str:
    """A number of things: `1 image`, `2 images`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def printable(text: str) -> str:
    """Text on one line that can be written: codes for line ends, NUL and bytes that are not UTF-8."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
