"""The metric of a spec: names, thresholds, functions, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from seg.errors import SpecError
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.metric import MetricSpec


def load(folder: Path, **keys: Any) -> EnsembleSpec:
    path = folder / "team.yaml"
    document = {"data": {"predict": {"images": "photos"}}, "members": [{"name": "m", "model": "m.onnx"}]}
    path.write_text(json.dumps(document | keys))
    return load_ensemble(path)


def test_a_name_alone_is_enough_and_the_default_is_miou(tmp_path: Path) -> None:
    assert load(tmp_path).metric == MetricSpec(name="miou")
    assert load(tmp_path, metric="dice").metric == MetricSpec(name="dice")
    spec = load(tmp_path, metric={"name": "dice", "without": ["sky"], "class_weights": {"car": 2}})
    assert spec.metric == MetricSpec(name="dice", without=("sky",), class_weights={"car": 2})


def test_thresholds() -> None:
    at = MetricSpec(name="iou@[0.5:0.95:0.05]").at_thresholds
    assert at is not None
    assert at.thresholds == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
    one = MetricSpec(name="region-iou@0.75").at_thresholds
    assert one == ("region-iou", (0.75,))
    assert MetricSpec(name="iou").at_thresholds is None


def test_a_function_is_found_beside_the_spec(tmp_path: Path) -> None:
    own = load(tmp_path, metric="code/mine.py:score").metric.own_function
    assert own == (tmp_path / "code" / "mine.py", "score")
    assert load(tmp_path, metric="dice").metric.own_function is None


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("dise", "did you mean 'dice'"),
        ("f1", "there is no metric 'f1'"),
        ("", "there is no metric"),
        ("iou@", "there is no metric"),
        ("iou@[0.5:0.95]", "there is no metric"),
        ("iou@1.0", "from 0 to below 1"),
        ("iou@0.5.5", "no threshold"),
        ("iou@[0.9:0.5:0.1]", "FIRST:LAST:STEP"),
        ("iou@[0.5:0.9:0]", "FIRST:LAST:STEP"),
        ("iou@[0:0.9:0.0001]", "at most 100"),
        ("region-iou@0.4", "no two regions"),
        ("mine.py", "there is no metric"),
        ("mine.py:", "names no function"),
        ("mine.py:a-b", "names no function"),
        (3, "metric"),
        ({"without": ["a"]}, "name"),
        ({"name": "dice", "class_weights": {"a": -1}}, "class_weights"),
        ({"name": "dice", "weights": {"a": 1}}, "weights"),
    ],
)
def test_nonsense_is_refused_with_its_line(metric: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=rf"team\.yaml:1: .*{message}"):
        load(tmp_path, metric=metric)
