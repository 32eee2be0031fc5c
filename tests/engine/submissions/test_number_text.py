"""Numbers as text and back, against Python's own."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.engine.submissions.tables.number_text import MAX_DIGITS, join_numbers, split_numbers

NUMBERS = st.one_of(st.integers(0, 20), st.integers(0, 2**33), st.integers(0, 10**MAX_DIGITS - 1))
SHAPE = re.compile(rf"[0-9]{{1,{MAX_DIGITS}}}(?: [0-9]{{1,{MAX_DIGITS}}})*")


@given(stretches=st.lists(st.lists(NUMBERS, max_size=9), max_size=5))
def test_joined_as_python_joins_them(stretches: list[list[int]]) -> None:
    bounds = np.cumsum([0, *map(len, stretches)])
    numbers = np.array([number for stretch in stretches for number in stretch], dtype=np.int64)
    assert join_numbers(numbers, bounds) == [" ".join(map(str, stretch)) for stretch in stretches]


@given(numbers=st.lists(NUMBERS, min_size=1))
def test_split_undoes_join(numbers: list[int]) -> None:
    (text,) = join_numbers(np.array(numbers, dtype=np.int64), np.array([0, len(numbers)]))
    found = split_numbers(text)
    assert found is not None
    assert found.tolist() == numbers


@given(text=st.text(st.sampled_from("0123456789  -+.e\n\t\u0663\u00a0x"), max_size=30))
def test_what_is_no_list_of_numbers_is_told(text: str) -> None:
    found = split_numbers(text)
    assert (found is not None) == bool(SHAPE.fullmatch(text))
    if found is not None:
        assert found.tolist() == [int(word) for word in text.split(" ")]


@pytest.mark.parametrize("text", ["", " ", "1 ", " 1", "1  2", "1" * (MAX_DIGITS + 1), "1\x00 2", "1 2\n"])
def test_near_misses_are_told(text: str) -> None:
    assert split_numbers(text) is None
