"""The decision of a spec: what is for all classes, what for one, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from seg.errors import SpecError
from seg.labels.classes import ClassInfo
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.decision import ClassRule, DecisionSpec, EmptyBelow, rules_of_classes

CLASSES = tuple(ClassInfo(name=name, id=number, colour=(0, 0, 0)) for number, name in enumerate("abc"))


def load(folder: Path, task: str, **keys: Any) -> EnsembleSpec:
    path = folder / "team.yaml"
    names = ["a"] if task == "binary" else ["a", "b", "c"]
    data = {"predict": {"images": "photos"}, "task": task, "classes": names}
    path.write_text(json.dumps({"data": data, "members": [{"name": "m", "model": "m.onnx"}], **keys}))
    return load_ensemble(path)


def test_classes_take_what_they_do_not_say_from_all(tmp_path: Path) -> None:
    decision = {
        "threshold": 0.4,
        "empty_below": {"probability": 0.9, "area": 600},
        "classes": {"b": {"threshold": 0.7, "least_area": 20}, "c": {"empty_below": None}},
    }
    spec = load(tmp_path, "multilabel", decision=decision)
    sure = EmptyBelow(probability=0.9, area=600)
    assert rules_of_classes(spec.decision, CLASSES) == (
        ClassRule(threshold=0.4, empty_below=sure),
        ClassRule(threshold=0.7, least_area=20, empty_below=sure),
        ClassRule(threshold=0.4),
    )


def test_a_spec_without_a_decision_has_half_as_threshold(tmp_path: Path) -> None:
    rules = rules_of_classes(load(tmp_path, "multilabel").decision, CLASSES)
    assert rules == (ClassRule(threshold=0.5),) * 3
    assert not any(rule.needs_regions for rule in rules)
    assert ClassRule(least_area=2).needs_regions


def test_a_class_that_is_none_is_refused() -> None:
    with pytest.raises(SpecError, match="decision: classes: there is no class 'd': classes are a, b, c"):
        rules_of_classes(DecisionSpec(classes={"d": ClassRule()}), CLASSES)


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        ({"threshold": 1.0}, "threshold"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": -0.1}, "threshold"),
        ({"threshold": "high"}, "threshold"),
        ({"least_area": -1}, "least_area"),
        ({"least_area": 2.5}, "least_area"),
        ({"connectivity": 6}, "connectivity"),
        ({"empty_below": 0.9}, "empty_below"),
        ({"empty_below": {"probability": 0.9}}, "area"),
        ({"empty_below": {"probability": 0.0, "area": 600}}, "probability"),
        ({"empty_below": {"probability": 0.9, "area": 0}}, "area"),
        ({"thresholds": 0.4}, "threshold"),
        ({"classes": {"a": {"treshold": 0.4}}}, "threshold"),
        ({"classes": ["a"]}, "classes"),
    ],
)
def test_nonsense_is_refused_with_its_line(decision: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=rf"team\.yaml:1: .*{message}"):
        load(tmp_path, "multilabel", decision=decision)


@pytest.mark.parametrize("key", ["threshold", "fill_holes", "largest_only", "empty_below"])
@pytest.mark.parametrize("of", ["all", "a"])
def test_one_class_a_pixel_has_areas_alone(key: str, of: str, tmp_path: Path) -> None:
    value = {"threshold": 0.4, "empty_below": {"probability": 0.9, "area": 6}}.get(key, True)
    rule = {"least_area": 4, key: value}
    with pytest.raises(SpecError, match=f"decision: {key} is for task: binary or multilabel"):
        load(tmp_path, "multiclass", decision=rule if of == "all" else {"classes": {of: rule}})


def test_areas_are_for_all_tasks_and_factors_for_one(tmp_path: Path) -> None:
    assert load(tmp_path, "multiclass", decision={"least_area": 4}).decision.least_area == 4
    with pytest.raises(SpecError, match="'class_factors' exclude each other: each class has a threshold"):
        load(tmp_path, "multilabel", class_factors={"a": 2})
