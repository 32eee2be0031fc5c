"""Tuning against brute force, torchmetrics, and answers that are known beforehand."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from seg.data import open_split
from seg.data.images.images import write_image, write_mask
from seg.engine import Ensemble
from seg.errors import DataError, OutputError, SpecError
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.compare import compare_members
from seg.evaluate.tune import tune_mixture
from seg.evaluate.tune.evidence.evidence import describe_tuning_evidence
from seg.evaluate.tune.evidence.judge_split import judge_tuned_on_split
from seg.evaluate.tune.evidence.least_area import fit_least_area
from seg.evaluate.tune.fits.useful_views import useful_views_of_members
from seg.evaluate.tune.write_spec import write_mixture
from seg.evaluate.tune.write_stacking import stacking_output
from seg.metrics.image_tallies import ImageTallies
from seg.spec import load_ensemble
from seg.spec.dataset.groups import GroupSpec
from seg.spec.ensemble.stacking import Stacking
from seg.views import VIEW_SETS
from tests.engine.tiny_models import CLASSES, MakeModel
from tests.evaluate.conftest import MakeScorer, counted, write_labelled_project
from tests.evaluate.tune.torchmetrics_miou import miou_by_torchmetrics


@pytest.mark.parametrize("weights", [(1, 0, 0), (0.2, 0.3, 0.5), (1, 1, 1)])
def test_a_score_is_that_of_torchmetrics(make_scorer: MakeScorer, weights: tuple[float, ...]) -> None:
    scorer = make_scorer([1.5, 2.0, 2.5], views=("identity", "hflip"))
    mixture = Mixture.of(weights, scorer.views)
    assert scorer.score(mixture) == pytest.approx(miou_by_torchmetrics(scorer, mixture), abs=1e-3)


def test_a_view_that_harms_is_dropped(make_scorer: MakeScorer) -> None:
    harmful = {(0, "hflip"): 30.0}
    scorer = make_scorer([1.5, 1.5], views=("identity", "hflip"), harmful=harmful)
    assert useful_views_of_members(scorer, np.arange(12)) == (("identity",), ("identity", "hflip"))
    assert useful_views_of_members(scorer, np.zeros(12, np.intp)) == scorer.views


@pytest.fixture
def project(tmp_path: Path, make_model: MakeModel) -> Path:
    return write_labelled_project(tmp_path, make_model)


def test_tuning_finds_the_member_that_made_the_labels(project: Path, tmp_path: Path) -> None:
    spec = load_ensemble(project)
    cache = ProbabilityCache(tmp_path / "cache")
    tuned = tune_mixture(spec, cache)
    assert tuned.passes.computed == 6 * 6
    assert tuned.chosen.members == (0,)
    assert tuned.chosen.views[0] == ("identity",)
    assert tuned.scores["best member"] == pytest.approx(1.0, abs=0.01)
    assert tune_mixture(spec, cache).passes.computed == 0

    write_mixture(project, spec, tuned.chosen, tuned.passes.split.classes)
    written = load_ensemble(project)
    assert [member.weight for member in written.members] == [1, 0, 0]
    assert written.views_of(written.members[0]) == ("identity",)
    assert [member.name for member in Ensemble.load(written).members] == ["a"]
    again = tune_mixture(written, cache)
    assert again.passes.names == ("a", "b", "c")


def test_figures_are_those_of_seg_evaluate(project: Path, tmp_path: Path) -> None:
    spec = load_ensemble(project)
    tuned = tune_mixture(spec, ProbabilityCache(tmp_path / "cache"))
    ensemble_row = compare_members(spec).rows[-1]
    assert tuned.scores["equal weights"] == pytest.approx(ensemble_row.viewed.miou, abs=0.005)


@pytest.mark.parametrize("metric", ["dice", "dataset-dice", "boundary-iou", "mine.py:score"])
def test_any_metric_is_tuned_for(project: Path, tmp_path: Path, metric: str) -> None:
    (tmp_path / "mine.py").write_text(
        "def score(truth, predicted):\n    return (truth == predicted).mean()\n"
    )
    document = json.loads(project.read_text()) | {"metric": {"name": metric, "without": ["ground"]}}
    project.write_text(json.dumps(document))
    spec = load_ensemble(project)
    tuned = tune_mixture(spec, ProbabilityCache(tmp_path / "cache"))
    ensemble_row = compare_members(spec).rows[-1]
    assert tuned.scores["equal weights"] == pytest.approx(ensemble_row.viewed.score, abs=0.005)
    assert tuned.scores["best member"] == pytest.approx(1.0, abs=0.01)
    assert tuned.chosen.members == (0,)
    assert f"of {spec.metric.title} over equal weights" in describe_tuning_evidence(tuned)


@pytest.mark.parametrize(("gain", "kept"), [(0.1, True), (0.0, False)])
def test_a_least_area_is_kept_where_it_gains_on_groups_left_out(gain: float, kept: bool) -> None:
    metric = counted("dice", 1).metric
    images = 12
    noise_i = np.random.default_rng(0).normal(0, 0.05, images)

    def judge(deciding: Sequence[Sequence[Mixture]]) -> list[ImageTallies]:
        dice_ai = [
            0.5 + noise_i * (one[0].least_area > 0) + gain * (one[0].least_area == 64) for one in deciding
        ]
        return [ImageTallies(metric, np.stack([d, np.ones(images)], axis=1)[:, None]) for d in dice_ai]

    mixture_i = [Mixture.single(0, [VIEW_SETS["none"]])] * images
    found = fit_least_area(mixture_i, judge, 100_000, np.arange(images), "mean")
    assert (found is not None) == kept
    if found:
        assert found[0] == 64
        assert found[1].score == pytest.approx(0.6 + noise_i.mean())


def test_a_least_area_is_found_on_whole_label_maps(tmp_path: Path, make_model: MakeModel) -> None:
    """The labels are those of member a without regions of fewer than 64 pixels."""
    random = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    split = {"images": "images", "masks": "masks"}
    spec: dict[str, Any] = {
        "data": {"val": split, "classes": [c.name for c in CLASSES], "group": "{image}"},
        "metric": "dice",
        "members": [{"name": name, "model": str(make_model(seed))} for name, seed in (("a", 1), ("b", 2))],
        "runtime": "cpu",
        "decision": {"least_area": 64},
    }
    path = tmp_path / "spec.yaml"
    path.write_text(json.dumps(spec))
    truth = Ensemble.load(path).only(["a"])
    for number in range(8):
        noise = cv2.GaussianBlur(random.normal(size=(72, 64, 3)), (0, 0), 1.5)
        image_hwc = (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)
        write_image(tmp_path / f"images/{number}.png", image_hwc)
        write_mask(tmp_path / f"masks/{number}.png", truth.predict(image_hwc).labels)
    path.write_text(json.dumps(spec | {"decision": {}}))
    tuned = tune_mixture(load_ensemble(path), ProbabilityCache(tmp_path / "cache"))
    assert tuned.chosen.least_area == 64
    assert tuned.scores[tuned.selected.name] > tuned.scores["best member"]


def test_a_least_area_is_written_and_taken_back(project: Path) -> None:
    classes = open_split(load_ensemble(project).data, "val").classes
    equal = Mixture.of((1, 1, 1), [VIEW_SETS["hflip"]] * 3)
    for area in (64, 0):
        write_mixture(
            project, load_ensemble(project), replace(equal, least_area=area), classes, areas_too=True
        )
        assert load_ensemble(project).decision.least_area == area
    write_mixture(project, load_ensemble(project), replace(equal, least_area=64), classes)
    assert load_ensemble(project).decision.least_area == 0


def test_too_little_to_choose_from_is_one_line(project: Path, tmp_path: Path) -> None:
    document = json.loads(project.read_text())
    one = document | {"members": document["members"][:1], "views": "none"}
    project.write_text(json.dumps(one))
    with pytest.raises(SpecError, match="nothing to select"):
        tune_mixture(load_ensemble(project), ProbabilityCache(tmp_path))
    project.write_text(json.dumps(document))
    for number in range(3, 6):
        (project.parent / f"images/{number}.png").unlink()
        (project.parent / f"masks/{number}.png").unlink()
    with pytest.raises(DataError, match="at least 4"):
        tune_mixture(load_ensemble(project), ProbabilityCache(tmp_path))


def test_labels_are_missed_before_anything_is_computed(project: Path, tmp_path: Path) -> None:
    document = json.loads(project.read_text())
    document["data"]["val"].pop("masks")
    project.write_text(json.dumps(document))
    cache = ProbabilityCache(tmp_path / "cache")
    with pytest.raises(DataError, match="no labels"):
        tune_mixture(load_ensemble(project), cache)
    assert cache.contents_by_model() == []


def test_temperatures_and_factors_are_written_and_taken_back(project: Path) -> None:
    project.write_text(project.read_text().replace('"c"', '"c", "temperature": 1.5'))
    spec = load_ensemble(project)
    views = [VIEW_SETS["none"]] * 3
    mixture = replace(
        Mixture.of((1, 1, 0), views),
        temperatures=(1.25, 1.0, 2.0),
        class_weights=((1.0, 1.0, 1.0, 1.5), (1.0, 1.0, 1.0, 0.5), (1.0,) * 4),
        factors=(0.5, 1.0, 2.0, 1.0),
    )
    classes = open_split(spec.data, "val").classes
    write_mixture(project, spec, mixture, classes)
    written = load_ensemble(project)
    assert [member.temperature for member in written.members] == [1.25, 1, 1.5]
    assert written.class_factors == {"ground": 0.5, "glass": 2}
    assert [member.class_weights for member in written.members] == [{"metal": 1.5}, {"metal": 0.5}, {}]
    write_mixture(project, written, Mixture.of((1, 1, 0), views), classes)
    again = load_ensemble(project)
    assert [member.temperature for member in again.members] == [1, 1, 1.5]
    assert again.class_factors == {}
    assert not any(member.class_weights for member in again.members)


def test_a_stacking_is_written_beside_the_yaml_and_taken_back(project: Path) -> None:
    project.write_text(project.read_text().replace('"c"', '"7"'))
    spec = load_ensemble(project)
    classes = open_split(spec.data, "val").classes
    random = np.random.default_rng(0)
    matrices = random.normal(size=(2, len(classes), len(classes))).round(4).tolist()
    rows = [tuple(tuple(row) for row in matrix) for matrix in matrices]
    stacking = Stacking(tuple(random.normal(size=len(classes)).round(4).tolist()), (rows[0], (), rows[1]))
    mixture = Mixture.of((1, 0, 1), [VIEW_SETS["none"]] * 3)
    write_mixture(project, spec, replace(mixture, stacking=stacking), classes)
    written = load_ensemble(project)
    assert written.stacking_of(classes) == Stacking(stacking.constants, (rows[0], rows[1]))
    assert Ensemble.load(written).stacking == written.stacking_of(classes)
    for changed in (project, project.with_suffix(".stacking.yaml")):
        before = changed.read_text()
        changed.write_text(re.sub(r"0\.(\d)", lambda digit: f"0.{(int(digit[1]) + 1) % 10}", before, count=1))
        with pytest.raises(SpecError, match=r"stacking\.yaml: was changed, or fitted for"):
            Ensemble.load(project)
        changed.write_text(before)
    write_mixture(project, written, replace(mixture, stacking=stacking), classes)
    write_mixture(project, written, mixture, classes)
    assert load_ensemble(project).stacking is None

    file = project.with_suffix(".stacking.yaml")
    file.write_text(file.read_text() + "# mine")
    with pytest.raises(OutputError, match="not written by seg, or was changed since"):
        write_mixture(project, spec, replace(mixture, stacking=stacking), classes)
    assert load_ensemble(project).stacking is None


def test_yamls_of_one_name_have_stackings_of_their_own(project: Path) -> None:
    spec = load_ensemble(project)
    paths = [project.with_name(name) for name in ("top.yaml", "top.yml", "top.json", "top", "top.v2.yaml")]
    outputs = [stacking_output(path, spec).path for path in paths]
    assert outputs[0] == project.with_name("top.stacking.yaml")
    assert len(set(outputs)) == len(outputs)


def test_what_became_of_a_stacking_is_said(project: Path, tmp_path: Path) -> None:
    """Images are of six groups, so that one is judged; with fewer it is not."""
    document = json.loads(project.read_text())
    document["members"] = [
        {**document["members"][0], "name": f"a{number}", "temperature": number} for number in (1, 2)
    ]
    project.write_text(json.dumps(document))
    cache = ProbabilityCache(tmp_path / "cache")
    assert tune_mixture(load_ensemble(project), cache).stacking.startswith("stacking at ")
    document["data"]["group"] = "png$"
    project.write_text(json.dumps(document))
    assert (
        tune_mixture(load_ensemble(project), cache).stacking
        == "no stacking: it needs 5 groups to be judged on"
    )


def test_what_was_judged_is_said_and_kept_once_in_the_yaml(project: Path, tmp_path: Path) -> None:
    spec, cache = load_ensemble(project), ProbabilityCache(tmp_path / "cache")
    tuned = tune_mixture(spec, cache)
    evidence = describe_tuning_evidence(tuned)
    assert "points of mIoU over equal weights on groups that were left out, of 6 images" in evidence
    for _ in range(2):
        write_mixture(project, spec, tuned.chosen, tuned.passes.split.classes, evidence, tuned.images)
    lines = [line for line in project.read_text().splitlines() if line.startswith("# seg tune: ")]
    assert lines == [f"# seg tune: {evidence}"]
    written = load_ensemble(project)
    assert written.members[0].weight == 1
    assert written.tuned_on == tuned.images
    assert sum(tuned.images.classes.values()) == pytest.approx(1, abs=0.001)


def test_no_gain_is_claimed_of_one_group(project: Path, tmp_path: Path) -> None:
    spec = load_ensemble(project)
    one = spec.data.model_copy(update={"group": GroupSpec(pattern="png$")})
    tuned = tune_mixture(spec.model_copy(update={"data": one}), ProbabilityCache(tmp_path / "cache"))
    assert "gain on other images cannot be measured" in describe_tuning_evidence(tuned)
    assert tuned.candidates["equal weights"].mixture.views == tuned.passes.views
    assert tuned.selected.left_out is None


def test_another_split_judges_what_was_chosen(project: Path, tmp_path: Path) -> None:
    spec, cache = load_ensemble(project), ProbabilityCache(tmp_path / "cache")
    judged = judge_tuned_on_split(spec, tune_mixture(spec, cache), "train", cache)
    assert judged.scores["chosen"].score == pytest.approx(1.0, abs=0.01)
    assert judged.scores["equal weights"].gain == 0
    equal = compare_members(spec).rows[-1].viewed.miou
    assert judged.scores["equal weights"].score == pytest.approx(equal, abs=0.005)
