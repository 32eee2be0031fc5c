"""Words that depend on numbers."""


def counted(number: int, thing: str) -> str:
    """A number of things: `1 image`, `2 images`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def printable(text: str) -> str:
    """Text with file names that are not UTF-8, with a code for each byte that cannot be written."""
    return text.encode(errors="backslashreplace").decode()
