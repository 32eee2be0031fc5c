"""Mistakes in a spec in plain words: one for each place, without the words of the library that finds them."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails

Place = tuple[str | int, ...]

_EXPECTED: Final = {
    "a whole number": ("int_type", "int_parsing", "int_parsing_size", "int_from_float"),
    "a number": ("float_type", "float_parsing"),
    "a finite number": ("finite_number",),
    "text": ("string_type", "string_sub_type", "string_unicode"),
    "true or false": ("bool_type", "bool_parsing"),
    "a list": ("tuple_type", "list_type"),
    "a mapping of keys to values": ("dict_type", "mapping_type", "model_type", "model_attributes_type"),
    "a path": ("path_type",),
}
_KINDS: Final = {kind: words for words, kinds in _EXPECTED.items() for kind in kinds}
_BOUNDS: Final = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}
_LONGEST_INPUT: Final = 60


def mistakes_in_plain_words(errors: Sequence[ErrorDetails], document: Any) -> list[ErrorDetails]:
    """The errors with places that the document has, and what is expected there.

    Where a value may be of several kinds, the library says for each why it is not of that kind, and names the
    kind as a part of the place; here that is one error.
    """
    kinds_at: dict[Place, list[ErrorDetails]] = {}
    for error in errors:
        place = _place_of_mistake(document, error)
        kinds_at.setdefault(place, []).append({**error, "loc": place})
    return [worded for kinds in kinds_at.values() for worded in _mistakes_of_one_place(kinds)]


def expected_in_plain_words(error: ErrorDetails) -> str:
    """What is expected in the place of an error, and what is there where it is of another kind."""
    expected = _expected_value(error)
    return f"{expected}, got {_shown_input(error['input'])}" if error["type"] in _KINDS else expected


def _mistakes_of_one_place(kinds: Sequence[ErrorDetails]) -> Iterator[ErrorDetails]:
    distinct = list(dict.fromkeys(_expected_value(error) for error in kinds))
    if len(distinct) == 1:
        yield {**kinds[0], "msg": expected_in_plain_words(kinds[0])}
    elif all(error["type"] == "extra_forbidden" for error in kinds):
        yield kinds[0]
    else:
        yield {**kinds[0], "type": "union", "msg": ", or ".join(distinct)}


def _expected_value(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    expected = _KINDS.get(kind) or error["msg"].removeprefix("Value error, ")
    if kind in _BOUNDS and error["input"] != error["input"]:
        expected = "a finite number, got nan"
    elif kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        expected = f"{words} {context[bound]:g}"
    elif kind == "too_short":
        expected = f"at least {_number_of_entries(context['min_length'])}"
    elif kind == "too_long":
        expected = f"at most {_number_of_entries(context['max_length'])}"
    elif kind == "string_pattern_mismatch":
        expected = "at most 200 letters, digits, '.', '_' and '-', and first a letter or digit"
    elif kind == "string_too_short":
        expected = "text that is not empty"
    elif kind == "literal_error":
        expected = " or ".join(literal_values(context["expected"]))
    return expected


def literal_values(expected: str) -> list[str]:
    """The values of a Literal, as pydantic lists them: `'a', 'b' or 'c'`, or `8, 16 or 32`."""
    return re.findall(r"'([^']*)'", expected) or re.findall(r"\d+", expected)


def _number_of_entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _shown_input(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_INPUT else f"{text[:_LONGEST_INPUT]}..."


def _place_of_mistake(document: Any, error: ErrorDetails) -> Place:
    """The error's place without the names of kinds; a key that is missing stays."""
    place: list[str | int] = []
    node = document
    for position, part in enumerate(error["loc"]):
        is_last = position == len(error["loc"]) - 1
        if _has_part(node, part):
            node = node[part]
            place.append(part)
        elif error["type"] == "missing" and is_last:
            place.append(part)
        elif error["type"] == "invalid_key" and is_last:
            # The library names a key that is no text, such as a date, by its text.
            place.append(next((key for key in node if part in (str(key), repr(key))), part))
    return tuple(place)


def _has_part(node: Any, part: str | int) -> bool:
    if isinstance(node, dict):
        return part in node
    return isinstance(node, list) and isinstance(part, int) and part < len(node)
