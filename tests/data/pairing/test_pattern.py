"""Path patterns: matched and filled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.data.pairing.pattern import PathPattern

WORDS = st.text(alphabet="abcXYZ0123456789.-", min_size=1, max_size=6)


@given(city=WORDS, name=WORDS, split=WORDS)
def test_what_is_filled_is_matched(city: str, name: str, split: str) -> None:
    pattern = PathPattern("gtFine/{split}/{city}/{name}_gtFine_labelIds.png")
    captures = {"split": split, "city": city, "name": name}
    assert pattern.match(pattern.fill(captures)) == captures


@given(parts=st.lists(WORDS, min_size=1, max_size=5), fixed=st.sampled_from(["/", "_", "_x/", "__"]))
def test_patterns_of_any_length_are_matched_back(parts: list[str], fixed: str) -> None:
    names = [f"p{number}" for number in range(len(parts))]
    pattern = PathPattern(fixed.join(f"{{{name}}}" for name in names))
    assert pattern.match(pattern.fill(dict(zip(names, parts, strict=True)))) == dict(
        zip(names, parts, strict=True)
    )


@pytest.mark.parametrize(
    ("pattern", "path", "captures"),
    [
        ("{a}.png", "x/y.png", None),
        ("{folder}/{a}.png", "x/y.png", {"folder": "x", "a": "y"}),
        ("case{c}/case{c}_day{d}.png", "case12/case12_day3.png", {"c": "12", "d": "3"}),
        ("case{c}/case{c}_day{d}.png", "case12/case13_day3.png", None),
        ("**/{a}.png", "x/y/z.png", {"a": "z"}),
        ("**/{a}.png", "z.png", {"a": "z"}),
        ("slice_{s}_*.png", "slice_0001_80_96.png", {"s": "0001"}),
        ("a+b/{x}.p?g", "a+b/1.pxg", {"x": "1"}),
        ("a+b/{x}.png", "aab/1.png", None),
        ("{0}/{1}_{0}.png", "a/b_a.png", {"0": "a", "1": "b"}),
    ],
)
def test_matches(pattern: str, path: str, captures: dict[str, str] | None) -> None:
    assert PathPattern(pattern).match(path) == captures


def test_two_ways_are_refused_and_shown() -> None:
    with pytest.raises(ValueError, match=r"'p_01_3' in two ways, with \{patient\} as 'p' or 'p_01'"):
        PathPattern("{patient}_{slice}").match("p_01_3")
