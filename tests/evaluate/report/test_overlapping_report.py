"""The report of classes that overlap against `seg evaluate`, plain loops and what was drawn."""

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.engine import Ensemble
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.compare import compare_members
from seg.evaluate.report.findings import ReportFindings, measure_ensemble
from seg.evaluate.report.gallery import draw_gallery
from seg.evaluate.report.image_layers import FILLED, draw_contour_layer
from seg.evaluate.report.threshold_scores import ThresholdScores
from seg.labels.task import masks_of, pack_masks
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.metric import MetricSpec
from tests.engine.overlapping_project import CLASSES, EMPTY, NAMES, write_overlapping_project
from tests.engine.tiny_models import MakeModel

runner = CliRunner()


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory, make_model: MakeModel) -> EnsembleSpec:
    return load_ensemble(write_overlapping_project(tmp_path_factory.mktemp("overlapping"), make_model))


@pytest.fixture(scope="module")
def findings(spec: EnsembleSpec, tmp_path_factory: pytest.TempPathFactory) -> ReportFindings:
    return measure_ensemble(spec, ProbabilityCache(tmp_path_factory.mktemp("cache")))


def test_scores_are_those_of_evaluate(spec: EnsembleSpec, findings: ReportFindings) -> None:
    # The cache keeps probabilities in steps of a 255th, so pixels near a threshold may change.
    near = 0.02
    for row, predictor in zip(compare_members(spec).rows, findings.predictors.all, strict=True):
        assert findings.plain(predictor).value == pytest.approx(row.plain.score, abs=near)
        assert findings.viewed(predictor).value == pytest.approx(row.viewed.score, abs=near)
        found = dict(zip(NAMES, findings.viewed(predictor).class_scores, strict=True))
        assert found == pytest.approx(row.viewed.class_scores, abs=near)
    first, second = findings.study.values
    assert first.shapley + second.shapley == pytest.approx(first.alone + second.left_out)


def test_another_split_is_judged_by_the_same_rules(
    spec: EnsembleSpec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = ProbabilityCache(tmp_path_factory.mktemp("judged"))
    judged = measure_ensemble(spec, cache, "predict").judged
    assert judged is not None and judged.metric == "dice"
    first, second, whole = (row.viewed.score for row in compare_members(spec, "predict").rows)
    assert judged.scores["best member"].score == pytest.approx(max(first, second), abs=0.02)
    assert judged.scores["ensemble"].score == pytest.approx(whole, abs=0.02)
    assert judged.scores["equal weights"].gain == 0


def test_presence_is_that_of_the_masks(spec: EnsembleSpec, findings: ReportFindings) -> None:
    ensemble = Ensemble.load(spec)
    for note, sample in zip(findings.scores.notes, findings.passes.split.samples, strict=True):
        masks_chw = ensemble.predict(sample.image).masks
        found_c = [bool(mask_hw.any()) for mask_hw in masks_chw]
        true_c = [(sample.id.removesuffix(".png"), c) not in EMPTY for c in range(len(NAMES))]
        pairs = list(zip(NAMES, found_c, true_c, strict=True))
        assert note.invented == tuple(name for name, found, true in pairs if found and not true)
        assert note.missed == tuple(name for name, found, true in pairs if true and not found)
        assert note.is_empty == (not any(true_c))
    assert sum(len(note.invented) for note in findings.scores.notes) > 0


def test_scores_by_threshold_are_those_of_a_loop() -> None:
    random = np.random.default_rng(0)
    probabilities_in = random.random((4, 60)).astype(np.float32)
    truth_in = random.random((4, 60)) < 0.3
    truth_in[0] = False
    scores = ThresholdScores(MetricSpec(name="dice+hausdorff"))
    for probabilities_n, truth_n in zip(probabilities_in, truth_in, strict=True):
        scores.add(probabilities_n, truth_n)
    assert scores.name == "dice"
    for threshold, score in scores.scores[::9]:
        found_in = probabilities_in > np.float32(threshold)
        total_i = found_in.sum(1) + truth_in.sum(1)
        dice_i = np.where(total_i > 0, 2 * (found_in & truth_in).sum(1) / np.maximum(total_i, 1), 1)
        assert score == pytest.approx(dice_i.mean())


def test_contours_show_both_masks() -> None:
    truth, predicted = (np.zeros((3, 30, 400), np.bool_) for _ in range(2))
    truth[0, 5:15, 20:60] = True
    predicted[1, 10:25, 200:260] = True
    layer_hwc = draw_contour_layer(pack_masks(truth), pack_masks(predicted), CLASSES)
    assert layer_hwc.shape == (60, 800, 4)
    assert layer_hwc[20, 60].tolist() == [*CLASSES[0].colour, round(255 * FILLED)]
    assert layer_hwc[20, 400].tolist() == [*CLASSES[1].colour, 255]
    assert layer_hwc[35, 460, 3] == 0, "the inside of a predicted mask is clear"
    assert layer_hwc[2, 2, 3] == 0


def test_pictures_of_the_gallery(findings: ReportFindings) -> None:
    (image,) = draw_gallery(findings, 1, None)
    layers = ["image", "truth", "member-0", "member-1", "ensemble", "contours", "disputed", "errors"]
    assert list(image.pictures) == [*layers, "entropy"]
    view_truth = findings.passes.labels(image.note.index)
    shown_c = [bool(mask_hw.any()) for mask_hw in masks_of(view_truth, "multilabel", len(NAMES))]
    for shown, score in zip(shown_c, image.note.class_scores, strict=True):
        assert score is not None or not shown


def test_the_command_writes_a_page(
    spec: EnsembleSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    page = tmp_path / "report.html"
    path = spec.runs.parent / "team.yaml"
    done = runner.invoke(app, ["report", str(path), "-o", str(page), "--images", "2"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    text = page.read_text()
    titles = re.findall(r"<h2[^>]*>([^<]+)<", text)
    sections = ["Summary", "Classes", "Presence", "Decision", "Members", "Calibration", "Cost", "Export"]
    assert titles == [*sections, "Gallery"]
    assert "dice, 95 %" in text and "mIoU" not in text.split("<script")[0]
    assert re.search(r"pits</th><td>0\.7</td><td>3</td>", text)
