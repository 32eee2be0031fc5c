"""A stacking in a spec: in place or as a file, for which members and classes, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from seg.errors import SpecError
from seg.labels.classes import ClassInfo
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.stacking import Stacking
from seg.spec.yaml.save import save_spec

CLASSES = tuple(ClassInfo(name=name, id=number, colour=(0, 0, 0)) for number, name in enumerate("xy"))
GOOD: dict[str, Any] = {
    "classes": ["x", "y"],
    "constants": [0.5, -0.5],
    "matrices": {"b": [[5, 6], [7, 8]], "a": [[1, 2], [3, 4]]},
}
IN_ORDER = Stacking((0.5, -0.5), (((1, 2), (3, 4)), ((5, 6), (7, 8))))


def load(folder: Path, stacking: Any, **keys: Any) -> EnsembleSpec:
    members = [{"name": name, "model": f"{name}.onnx", "weight": int(name != "c")} for name in "abc"]
    document = {"data": {"predict": {"images": "photos"}}, "members": members, "stacking": stacking}
    (folder / "team.yaml").write_text(json.dumps(document | keys))
    return load_ensemble(folder / "team.yaml")


def test_it_is_read_in_place_or_from_a_file_in_the_order_of_members(tmp_path: Path) -> None:
    (tmp_path / "team.stacking.yaml").write_text(json.dumps(GOOD))
    for stacking in (GOOD, "team.stacking.yaml", str(tmp_path / "team.stacking.yaml")):
        spec = load(tmp_path, stacking)
        assert spec.stacking_of(CLASSES) == IN_ORDER
    save_spec(spec, tmp_path / "elsewhere.yaml")
    assert load_ensemble(tmp_path / "elsewhere.yaml").stacking_of(CLASSES) == IN_ORDER
    assert load(tmp_path, None).stacking_of(CLASSES) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"constants": [1]}, "team.yaml:1: stacking: 'constants' has 1 numbers for 2 classes"),
        ({"matrices": {"a": [[1, 2]], "b": [[1, 2], [3, 4]]}}, "'matrices.a' needs 2 rows of 2 numbers"),
        ({"matrices": {"a": [[1, 2], [3]], "b": [[1, 2], [3, 4]]}}, "'matrices.a' needs 2 rows"),
        ({"matrices": {"a": [[1, 2], [3, 4]]}}, "fitted for the members a, and those with weight are a, b"),
        ({"matrices": {**GOOD["matrices"], "c": [[1, 2], [3, 4]]}}, "remove 'stacking'"),
        ({"constants": [1e9, 0]}, "at most 1000"),
        ({"constants": ["many", 0]}, "a number, got 'many'"),
        ({"constants": [True, 0]}, "cannot be true or false"),
        ({"matrix": {}}, "unknown key"),
    ],
)
def test_nonsense_is_one_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(tmp_path, GOOD | change)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_stacking_is_named(tmp_path: Path) -> None:
    for text, message in (("constants: [1", "not valid YAML"), ("[]", "a mapping"), ("a: 1", "unknown key")):
        (tmp_path / "s.yaml").write_text(text)
        with pytest.raises(SpecError, match=message) as caught:
            load(tmp_path, "s.yaml")
        assert str(tmp_path / "s.yaml") in str(caught.value)
    with pytest.raises(SpecError, match=r"stacking: there is no file .*nowhere\.yaml"):
        load(tmp_path, "nowhere.yaml")


def test_other_classes_than_those_of_the_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="fitted for the classes x, y, and the models have y, x"):
        load(tmp_path, GOOD).stacking_of(CLASSES[::-1])


def test_a_class_that_the_dataset_does_not_list_is_refused(tmp_path: Path) -> None:
    data = {"predict": {"images": "photos"}, "classes": ["x", "z"]}
    with pytest.raises(SpecError, match=r"'stacking\.classes\.y': there is no class 'y'"):
        load(tmp_path, GOOD, data=data)
