"""Whatever stands in whatever field of a spec: a line for each place, in our words."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from seg.errors import SpecError
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.yaml.source import _spec_within_annotation

SPEC: dict[str, Any] = {
    "data": {
        "train": {"images": "im", "masks": "mk"},
        "val": {"images": "im", "masks": "mk"},
        "classes": ["a", "b"],
    },
    "members": [{"name": "m"}],
    "stopping": {"tolerance": 0},
}
VALUES: list[Any] = [
    *(None, -1, 1, -0.5, "xyz", [], [1, 2, 3], ["hflip", 3], [{"CLAHE": {"p": 2}}], {"name": 1}),
]
LIBRARY_WORDS = re.compile(
    r"constrained|literal\[|function-|tuple\[|list\[|dict\[|Input should|Value error|Spec\b|instance|pydantic"
    r"|validat|<class|NoneType"
)


def places(model: type[BaseModel], way: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        yield (*way, name)
        within = _spec_within_annotation(field.annotation)
        if within is not None and name != "members":
            yield from places(within, (*way, name))


def put(spec: Any, way: tuple[str, ...], value: Any) -> Any:
    if not way:
        return value
    inner = spec if isinstance(spec, dict) else {}
    return inner | {way[0]: put(inner.get(way[0]), way[1:], value)}


@pytest.mark.parametrize("way", list(places(EnsembleSpec)), ids=".".join)
def test_no_field_shows_the_librarys_words(way: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    for value in VALUES:
        path.write_text(json.dumps(put(SPEC, way, value)))
        try:
            load_ensemble(path)
        except SpecError as error:
            lines = str(error).splitlines()
            assert all(line.startswith(f"{tmp_path}") for line in lines), lines
            assert not LIBRARY_WORDS.search(str(error)), lines
            told = [line.split(": ")[1] for line in lines]
            unions = [place for place in told if place == ".".join(way)]
            assert len(unions) <= 1, lines


@pytest.mark.parametrize(
    ("recipe", "line"),
    [
        ("batch_size: 1", "recipe.batch_size: at least 2, or auto"),
        ("batch_size: many", "recipe.batch_size: a whole number, or auto"),
        ("workers: -1", "recipe.workers: at least 0, or auto"),
        ("epochs: 1.5", "recipe.epochs: a whole number, got 1.5"),
        ("compile: 3", "recipe.compile: true or false, got 3"),
        ("architecture: []", "recipe.architecture: [] is not known: known: "),
        ("epochs: 0", "recipe.epochs: at least 1"),
    ],
)
def test_a_line_says_what_is_expected(recipe: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    data = json.dumps(SPEC["data"])
    path.write_text(f"data: {data}\nmembers: [{{name: m}}]\nrecipe:\n  {recipe}\n")
    with pytest.raises(SpecError) as caught:
        load_ensemble(path)
    assert str(caught.value).startswith(f"{path}:4: {line}")
    assert "\n" not in str(caught.value)
