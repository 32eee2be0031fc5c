"""Many numbers as text and back, all of them at a time."""

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST_DIGITS: Final = 12

_SPACE: Final = ord(" ")
_ZERO: Final = ord("0")
_DIGITS_OF_32_BITS: Final = 9


def join_numbers(numbers: NDArray[np.int64], bounds: NDArray[np.int64]) -> list[str]:
    """Decimal numbers with a space between, one text for each stretch of them.

    Args:
        numbers: none below 0, int64 `[N]`.
        bounds: where the stretches, which leave nothing out, begin, and where the last ends, int64 `[S + 1]`.
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
    """The numbers of a text, int64 `[N]`; None where it is no numbers with one space between.

    A number has 12 digits at most.
    """
    characters = np.frombuffer(text.encode("ascii", errors="replace"), dtype=np.uint8)
    is_digit = characters - np.uint8(_ZERO) < 10
    spaces = np.flatnonzero(~is_digit)
    # From one space to the next, as if there were one before and one behind.
    steps = np.diff(spaces, prepend=-1, append=len(characters))
    if steps.min() < 2 or steps.max() > MOST_DIGITS + 1 or (characters[spaces] != _SPACE).any():
        return None
    return np.fromstring(text, dtype=np.int64, sep=" ")
