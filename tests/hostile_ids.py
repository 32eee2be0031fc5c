"""Ids of images that lead somewhere else, or mean something else, when a file is named after them."""

from typing import Final

from hypothesis import strategies as st

_PARTS: Final = st.sampled_from(
    [
        "",
        ".",
        "..",
        "...",
        "a",
        "A",
        "é",
        "e\u0301",
        "C:",
        "CON",
        "nul.x",
        "%2F",
        "%2E%2E",
        "%",
        "a.png",
        " ",
        "~",
    ]
)
_TEXT: Final = st.text(st.one_of(st.sampled_from("%2F5Ce./\\:aA\0\n"), st.characters()), max_size=8)

IDS: Final = st.one_of(st.lists(st.one_of(_PARTS, _TEXT), min_size=1, max_size=4).map("/".join), _TEXT)
"""Absolute, with `..`, drives, backslashes, NUL, surrogates, reserved and encoded names, and any text."""
