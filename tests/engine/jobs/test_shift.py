"""The line on images that differ from those that an ensemble was tuned on."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg.engine.jobs.predict import run_ensemble
from seg.errors import SpecError
from seg.evaluate.tune.evidence.predicted_shares import describe_predicted_shares, spread_of_predicted_shares
from seg.spec import load_ensemble
from seg.spec.ensemble.tuned_on import distance_of_class_shares
from seg.terminal.notices import notice
from tests.engine.tiny_models import CLASSES, MakeModel
from tests.evaluate.conftest import write_labelled_project


@pytest.fixture
def project(tmp_path: Path, make_model: MakeModel) -> Path:
    path = write_labelled_project(tmp_path, make_model)
    document = json.loads(path.read_text()) | {"output": {"file": "labels", "format": "png"}}
    path.write_text(json.dumps(document))
    return path


def with_shares(path: Path, shares: dict[str, float], spread: float, **changes: object) -> None:
    document = json.loads(path.read_text())
    document["tuned_on"] = {"images": 6, "spread": spread, "classes": shares}
    path.write_text(json.dumps(document | changes))


def predicted_shares(path: Path) -> dict[str, float]:
    """The shares of the classes in the labels of a run, read back from its PNG files."""
    run_ensemble(load_ensemble(path), overwrite=True)
    labels = [np.asarray(Image.open(png)).ravel() for png in path.parent.glob("labels/*.png")]
    counts = np.bincount(np.concatenate(labels), minlength=len(CLASSES))
    return {c.name: float(counts[label] / counts.sum()) for label, c in enumerate(CLASSES)}


def test_only_images_that_differ_are_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alike = predicted_shares(project)
    with_shares(project, alike, spread=0.01)
    run_ensemble(load_ensemble(project), restart=True, overwrite=True)
    assert "differ" not in capsys.readouterr().err

    most = max(alike, key=alike.__getitem__)
    other = {name: float(name != most) / (len(alike) - 1) for name in alike}
    distance = sum(abs(other[name] - alike[name]) for name in alike) / 2
    with_shares(project, other, spread=distance - 0.01)
    for restart in (True, False):  # The line counts labels of the journal, too.
        notice.cache_clear()
        run_ensemble(load_ensemble(project), restart=restart, overwrite=True)
        line = capsys.readouterr().err
        assert f"these images differ from those that were tuned on: {distance:.1%} of the pixels" in line
        assert f"{most} 0.0% -> {alike[most]:.1%}" in line
        assert "tune on labelled images like these" in line
    with_shares(project, other, spread=distance + 0.01)
    run_ensemble(load_ensemble(project), overwrite=True)
    assert "differ" not in capsys.readouterr().err


def test_factors_are_named_where_there_are_any(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_shares(project, {"ground": 0.0}, spread=0.0, class_factors={"ground": 1.5})
    run_ensemble(load_ensemble(project), overwrite=True)
    assert "try it without class_factors" in capsys.readouterr().err


def test_a_class_that_is_gone_is_named_before_anything_runs(project: Path) -> None:
    with_shares(project, {"snow": 1.0}, spread=0.0)
    with pytest.raises(SpecError, match="tuned_on: there is no class 'snow'"):
        run_ensemble(load_ensemble(project))
    assert not (project.parent / "labels").exists()


@pytest.mark.parametrize(
    ("key", "value"), [("spread", -0.1), ("spread", float("nan")), ("images", 0), ("classes", {"a": 2})]
)
def test_nonsense_is_refused_at_loading(project: Path, key: str, value: object) -> None:
    with_shares(project, {}, spread=0.0)
    document = json.loads(project.read_text())
    document["tuned_on"][key] = value
    project.write_text(json.dumps(document).replace("NaN", ".nan"))
    with pytest.raises(SpecError, match="tuned_on"):
        load_ensemble(project)


def test_the_spread_is_that_of_the_group_that_differs_most() -> None:
    pixels_ic = np.array([[8, 2], [6, 4], [0, 10]])
    group_i = np.array([0, 0, 1])
    # 70% of the first group's pixels are of the first class, and none of the second group's.
    assert spread_of_predicted_shares(pixels_ic, group_i) == pytest.approx(0.7)
    assert spread_of_predicted_shares(pixels_ic, np.arange(3)) == pytest.approx(0.7)
    described = describe_predicted_shares(pixels_ic, group_i, CLASSES[:2])
    assert described.images == 3
    assert list(described.classes.values()) == [round(14 / 30, 4), round(16 / 30, 4)]


def test_distances_are_the_pixels_that_would_have_to_change() -> None:
    assert distance_of_class_shares((1.0, 0.0), (0.0, 1.0)) == 1
    assert distance_of_class_shares((0.2, 0.3, 0.5), (0.2, 0.3, 0.5)) == 0
