"""`seg evaluate` and `seg tune` of classes that overlap, on a contest whose rules are known."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco
from ruamel.yaml import YAML
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data import open_split
from seg.data.images.images import write_image
from seg.engine import Ensemble
from seg.engine.decision.postprocess import above_thresholds, postprocess_masks
from seg.evaluate.compare import Comparison, compare_members
from seg.labels.classes import ClassInfo
from seg.labels.task import masks_of
from seg.spec import load_ensemble
from seg.spec.ensemble.decision import ClassRule
from tests.engine.tiny_models import MakeModel

NAMES = ("stain", "pits")
CLASSES = tuple(ClassInfo(id=n + 1, name=name, colour=(n, n, n)) for n, name in enumerate(NAMES))
TRUTH = (ClassRule(threshold=0.6, least_area=12), ClassRule(threshold=0.35))
"""What member `a` is decided by to draw the truth."""

runner = CliRunner()


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory, make_model: MakeModel) -> Path:
    """Images whose labels are member `a`, decided by other rules than thresholds of 0.5."""
    folder, random = tmp_path_factory.mktemp("contest"), np.random.default_rng(0)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(12):
        noise = random.integers(0, 256, (40, 48, 3)).astype(np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), 3)
        spread = 255 * (smooth - smooth.min()) / (smooth.max() - smooth.min())
        write_image(folder / f"images/{number}.png", spread.astype(np.uint8))
        images.append({"id": number, "file_name": f"{number}.png", "height": 40, "width": 48})
    document: dict[str, Any] = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": c.id, "name": c.name} for c in CLASSES],
    }
    (folder / "val.json").write_text(json.dumps(document))
    split = {"images": "images", "annotations": "val.json"}
    spec = {
        "data": {"val": split, "predict": split, "task": "multilabel", "group": "{image}"},
        "metric": "dice",
        "members": [
            {"name": name, "model": str(make_model(seed, CLASSES, "multilabel"))}
            for name, seed in (("a", 1), ("b", 2))
        ],
        "runtime": "cpu",
        "output": {"file": "submission.csv"},
    }
    path = folder / "team.yaml"
    path.write_text(json.dumps(spec, indent=1))
    oracle = replace(Ensemble.load(path).only(["a"]), rules=())
    for image in images:
        probabilities = oracle.predict(folder / f"images/{image['file_name']}").probabilities
        for label, mask in enumerate(
            postprocess_masks(above_thresholds(probabilities, TRUTH), probabilities, TRUTH)
        ):
            if mask.any():
                runs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
                runs["counts"] = runs["counts"].decode()
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image["id"],
                        "category_id": CLASSES[label].id,
                        "segmentation": runs,
                        "area": int(mask.sum()),
                        "bbox": [0, 0, 48, 40],
                        "iscrowd": 0,
                    }
                )
    (folder / "val.json").write_text(json.dumps(document))
    return path


def scores_of(comparison: Comparison) -> dict[str, float]:
    return {row.name: row.viewed.score for row in comparison.rows}


def test_evaluate_scores_members_by_the_metric(contest: Path) -> None:
    spec = load_ensemble(contest)
    split = open_split(spec.data, "val")
    ensemble = Ensemble.load(spec)
    dice = []
    for index, sample in enumerate(split.samples):
        truth = masks_of(split.labels(index), "multilabel", 2)
        found = ensemble.predict(sample.image).probabilities > 0.5
        for one, other in zip(truth, found, strict=True):
            total = one.sum() + other.sum()
            dice.append(2 * (one & other).sum() / total if total else 1.0)
    comparison = compare_members(spec)
    assert comparison.metric == "dice"
    assert scores_of(comparison)["ensemble"] == pytest.approx(np.mean(dice))


def test_tune_finds_the_rules_and_writes_them(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = scores_of(compare_members(load_ensemble(contest)))
    result = runner.invoke(app, ["tune", str(contest)])
    assert result.exit_code == 0, result.output
    assert "groups left out" in result.output
    spec = load_ensemble(contest)
    rules = spec.decision.classes
    assert rules["stain"].threshold == pytest.approx(0.6, abs=0.05)
    assert rules["pits"].threshold == pytest.approx(0.35, abs=0.05)
    assert [member.weight for member in spec.members] == [1, 0]
    tuned = scores_of(compare_members(spec))["a"]
    assert tuned > max(before.values())
    assert tuned > 0.95
    # Tuned again, with what was tuned before: the same.
    written = contest.read_text()
    assert runner.invoke(app, ["tune", str(contest)]).exit_code == 0
    assert contest.read_text() == written


def test_nothing_is_written_where_empty_masks_score_more(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    document = json.loads((contest.parent / "val.json").read_text())
    hidden = contest.parent / "hidden.json"
    hidden.write_text(json.dumps(document | {"annotations": document["annotations"][:1]}))
    spec = YAML(typ="safe").load(contest)
    spec["data"]["val"]["annotations"] = "hidden.json"
    path = contest.parent / "hidden.yaml"
    path.write_text(json.dumps(spec))
    before = path.read_text()
    result = runner.invoke(app, ["tune", str(path)])
    assert result.exit_code == 0, result.output
    nothing = 23 / 24  # Of 12 images with 2 classes all masks but one are empty.
    assert f"nothing predicted scores {nothing:.4f}" in result.output
    assert path.read_text() == before


def test_views_that_harm_are_dropped(contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    spec = YAML(typ="safe").load(contest) | {"views": "rot90", "decision": {}}
    spec["members"] = [{"name": "a", "model": spec["members"][0]["model"]}]
    path = contest.parent / "viewed.yaml"
    path.write_text(json.dumps(spec))
    result = runner.invoke(app, ["tune", str(path)])
    assert result.exit_code == 0, result.output
    assert "the one member, all views" in result.output
    # The labels are those of the member without views.
    assert load_ensemble(path).members[0].views == ("identity",)


def test_a_submission_is_judged_by_the_metric_and_compared(contest: Path) -> None:
    spec = load_ensemble(contest)
    expected = scores_of(compare_members(spec))
    for name in ("one.csv", "two.csv"):
        made = runner.invoke(app, ["ensemble", str(contest), "--output", str(contest.parent / name)])
        assert made.exit_code == 0, made.output
    one, two = (str(contest.parent / name) for name in ("one.csv", "two.csv"))
    result = runner.invoke(
        app, ["evaluate", str(contest), "--submission", one, "--against", two, "--per-class"]
    )
    assert result.exit_code == 0, result.output
    assert f"dice {list(expected.values())[-1]:.4f} of 12 images" in result.output
    assert "+0.00 points of dice" in result.output


def test_code_is_not_run_unasked(contest: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise RuntimeError('was run')\n")
    document = json.loads(json.dumps(load_ensemble(contest).model_dump(mode="json", exclude_unset=True)))
    document["metric"] = "mine.py:score"
    (tmp_path / "team.yaml").write_text(json.dumps(document))
    for command in ("evaluate", "tune"):
        refused = runner.invoke(app, [command, str(tmp_path / "team.yaml")])
        assert "is not run unasked" in str(refused.exception) + refused.output
        asked = runner.invoke(app, [command, str(tmp_path / "team.yaml"), "--run-metric"])
        assert "was run" in str(asked.exception) + asked.output


def tune_copy(contest: Path, name: str, changes: dict[str, Any], *options: str) -> tuple[Path, str]:
    """Tune a copy of the spec with changes; returns its path and what was printed."""
    path = contest.parent / f"{name}.yaml"
    path.write_text(json.dumps(YAML(typ="safe").load(contest) | {"decision": {}} | changes))
    result = runner.invoke(app, ["tune", str(path), *options])
    assert result.exit_code == 0, result.output + str(result.exception)
    return path, result.output


def test_a_budget_picks_members_and_rules_for_them(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    members = [member | {"weight": 1.0} for member in YAML(typ="safe").load(contest)["members"]]
    picture = tmp_path / "pareto.svg"
    changes = {"members": members, "merge": "geometric", "views": "hflip"}
    path, printed = tune_copy(contest, "budget", changes, "--budget", "1x", "--picture", str(picture))
    spec = load_ensemble(path)
    assert len(spec.running) == 1 and len(spec.views_of(spec.running[0])) == 1
    assert spec.merge == "mean", "rules are fitted on means"
    assert "what each member is worth" in printed and "pixels on which members differ" in printed
    assert "val dice" in picture.read_text()


def test_the_result_is_judged_on_another_split(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path, printed = tune_copy(contest, "judged", {}, "--judge", "predict")
    judged = printed.partition("judged on predict")[2]
    chosen = re.search(r"chosen +│ ([0-9.]+)", judged)
    assert chosen and "nothing predicted" in judged
    # Here the same images; the cache keeps probabilities in steps of a 255th.
    expected = list(scores_of(compare_members(load_ensemble(path), "predict")).values())[-1]
    assert float(chosen[1]) == pytest.approx(expected, abs=0.02)


def test_tuning_for_the_worst_group(contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path, printed = tune_copy(contest, "worst", {}, "--criterion", "worst-group")
    assert "of dice of the worst group" in printed
    spec = load_ensemble(path)
    split, ensemble = open_split(spec.data, "val"), Ensemble.load(spec)
    assert spec.decision.classes["stain"].threshold == pytest.approx(0.6, abs=0.05)
    assert len(split.samples) == 12 and ensemble.members


def test_folds_are_tuned_as_families(contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    document = YAML(typ="safe").load(contest)
    models = [member["model"] for member in document["members"]]
    members = [
        {"name": f"{name}-{fold}", "model": model, "fold": fold}
        for name, model in zip("ab", models, strict=True)
        for fold in range(2)
    ]
    for member in members:
        run = contest.parent / "runs" / str(member["name"])
        run.mkdir(parents=True)
        held_out = [str(image) for image in range(12) if image % 2 == member["fold"]]
        (run / "held_out.csv").write_text("\n".join(["image", *held_out]) + "\n")
    data = document["data"] | {"train": document["data"]["val"]}
    changes = {"members": members, "data": data, "folds": {"count": 2}, "runs": "runs"}
    path, printed = tune_copy(contest, "folds", changes, "--on", "folds")
    assert "of training out of fold" in printed
    spec = load_ensemble(path)
    assert [member.weight for member in spec.members] == [0.5, 0.5, 0, 0]
    assert spec.decision.classes["pits"].threshold == pytest.approx(0.35, abs=0.05)


def test_one_member_has_no_row_of_equal_weights(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    members = YAML(typ="safe").load(contest)["members"][:1]
    _, printed = tune_copy(contest, "one", {"members": members})
    assert "equal weights" not in printed and "nothing predicted" in printed
    assert "chosen: the one member, thresholds" in printed
