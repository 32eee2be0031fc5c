"""Patterns of image ids: what they make of a path, and what is refused when the spec is read."""

import pytest

from seg.errors import SpecError
from seg.spec import EnsembleSpec
from seg.spec.dataset.id_pattern import parse_id_pattern
from seg.spec.ensemble.output import OutputSpec, RleSpec
from seg.spec.yaml.source import validate_values

SLICE = "case30/case30_day0/scans/slice_0001_80_96_1.50_1.50.png"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{name}", "0021"),
        ("{name}.jpg", "0021.jpg"),
        ("{stem}", "slice_0001_80_96_1.50_1.50"),
        ("{file_name}", SLICE),
        ("case{c}_day{d}_slice_{s}", "case30_day0_slice_0001"),
        ("case{c}/{stem}.tif", "case30/slice_0001_80_96_1.50_1.50.tif"),
        ("{name}.jpg_{class}", "0021.jpg"),
        ("a{{b}}{name}", "a{b}0021"),
    ],
)
def test_a_pattern_is_filled_from_the_path(text: str, expected: str) -> None:
    assert parse_id_pattern(text).fill("0021", SLICE) == expected


def test_the_part_nearest_to_the_file_counts() -> None:
    assert parse_id_pattern("case{c}_{stem}").fill("x", "case1/case2/a.png") == "case2_a"


def test_a_path_without_the_part_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has no 'day' in its path, which \{d\} follows"):
        parse_id_pattern("day{d}").fill("x", "case30/a.png")


def test_the_former_place_of_empty_still_works(capsys: pytest.CaptureFixture[str]) -> None:
    spec = validate_values(OutputSpec, {"rle": {"order": "rows", "empty": "-1"}})
    assert spec == OutputSpec(rle=RleSpec(order="rows"), empty="-1")
    assert "output.rle.empty is now output.empty" in capsys.readouterr().err


def test_run_lengths_that_are_counted_otherwise_than_the_labels_are_refused() -> None:
    labels = {"file": "train.csv", "order": "rows"}
    data = {"train": {"images": "a", "labels": labels}, "classes": ["a"], "unlabelled": "b"}
    spec: dict[str, object] = {"data": data, "members": [{"name": "a"}]}
    with pytest.raises(
        SpecError, match=r"have order: rows, .* set output: \{rle: \{order: rows\}\}, or columns"
    ):
        validate_values(EnsembleSpec, spec | {"output": {"sample": "s.csv"}})
    validate_values(EnsembleSpec, spec | {"output": {"sample": "s.csv", "rle": {"order": "columns"}}})
    validate_values(EnsembleSpec, spec | {"output": {"sample": "s.csv", "format": "pixels"}})
    validate_values(EnsembleSpec, spec)


def test_another_format_keeps_what_has_a_meaning_there() -> None:
    spec = OutputSpec(format="kaggle", size=8, rle={"order": "rows"}, id="{stem}", drop=["ground"])
    assert spec.keys_in_format("png") == {"format": "png", "size": (8, 8)}
    assert spec.keys_in_format("kaggle-per-image").keys() == {"format", "size", "rle"}
    assert OutputSpec.model_validate(spec.keys_in_format("kaggle")) == spec


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ({"id": "x"}, "is the same for all images"),
        ({"id": "{class}"}, "is the same for all images"),
        ({"id": "{"}, "unmatched braces"),
        ({"id": "{class}_{name}"}, "is at the end of an id"),
        ({"id": "{name}{class}"}, "needs a separator before it"),
        ({"id": "{c}"}, "has no text before it"),
        ({"id": "{name:04}"}, "braces that hold no name"),
        ({"id": 7}, "text, got 7"),
        ({"id": "{name}", "format": "png"}, "'id' has no meaning for format png"),
        ({"id": "{name}_{class}", "format": "pixels"}, "a row of format pixels has all classes"),
        ({"columns": ["id"]}, "at least 2"),
        ({"columns": ["id", "id"]}, "'columns' names 'id' twice"),
        ({"columns": ["id", "rle"], "sample": "a.csv"}, "'sample' has the columns"),
        ({"columns": ["id", "rle"], "format": "coco"}, "'columns' has no meaning for format coco"),
        ({"classes": [1], "drop": ["a"]}, "'classes' names all classes with rows"),
        ({"classes": [True]}, "classes"),
        ({"classes": []}, "at least 1"),
        ({"drop": ["a"], "format": "pixels"}, "'drop' has no meaning for format pixels"),
        ({"drop": ["a", "a"]}, "'drop' names 'a' twice"),
        ({"empty": "drop", "format": "kaggle-per-image"}, "'empty' is '', '-', '-1' or '1 0' there"),
    ],
)
def test_nonsense_is_refused_when_the_spec_is_read(output: dict[str, object], problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        validate_values(OutputSpec, output)
