"""Vectorised conversion of many integers to text and back."""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_DIGITS: Final = 12

_SPACE: Final = ord(" ")
_ZERO: Final = ord("0")
_DIGITS_OF_32_BITS: Final = 9


def join_numbers(numbers: NDArray[np.int64], bounds: NDArray[np.int64]) -> list[str]:
    """Decimal numbers joined by spaces, one text for each segment of them.

    Args:
        numbers: non-negative, int64 `[N]`.
        bounds: the starts of consecutive segments, and the end of the last, int64 `[S + 1]`.
    """
    width = len(str(numbers.max(initial=0)))
    characters = np.full((len(numbers), width + 1), _SPACE, dtype=np.uint8)
    is_written = np.ones(characters.shape, dtype=np.bool_)
    sizes = np.ones(len(numbers), dtype=np.int64)
    rest: NDArray[np.unsignedinteger] = numbers.astype(
        np.uint32 if width <= _DIGITS_OF_32_BITS else np.uint64
    )
    for place in reversed(range(width)):
        has_digit = rest > 0
        has_digit |= place == width - 1
        tens = rest // 10
        characters[:, place] = rest - 10 * tens + _ZERO
        is_written[:, place] = has_digit
        sizes += has_digit
        rest = tens
    text = characters[is_written].tobytes().decode("ascii")
    ends = np.concatenate(([0], np.cumsum(sizes)))[bounds]
    return [text[first : max(first, last - 1)] for first, last in pairwise(ends.tolist())]


def split_numbers(text: str) -> NDArray[np.int64] | None:
    """The numbers of a text, int64 `[N]`; None if it is not numbers separated by single spaces.

    A number has at most 12 digits.
    """
    characters = np.frombuffer(text.encode("ascii", errors="replace"), dtype=np.uint8)
    is_digit = characters - np.uint8(_ZERO) < 10
    spaces = np.flatnonzero(~is_digit)
    # From one space to the next, as if there were one before the text and one after it.
    steps = np.diff(spaces, prepend=-1, append=len(characters))
    if steps.min() < 2 or steps.max() > MAX_DIGITS + 1 or (characters[spaces] != _SPACE).any():
        return None
    return np.fromstring(text, dtype=np.int64, sep=" ")
