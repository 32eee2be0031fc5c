"""The report's parts against torch, torchmetrics, brute force, and the engine's own figures."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.classification import MulticlassCalibrationError

from seg.data import open_split, read_image
from seg.engine import Ensemble
from seg.engine.merging.decision import Decision
from seg.errors import DataError
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.compare import compare_members
from seg.evaluate.metrics.calibration import BINS, Reliability
from seg.evaluate.metrics.segmentation import SegmentationScores
from seg.evaluate.report import write_report, write_runs_report
from seg.evaluate.report.findings import measure_ensemble
from seg.evaluate.report.gallery import choose_gallery_images, draw_gallery
from seg.evaluate.report.heatmaps import confusion_heatmap
from seg.evaluate.report.image_layers import shrink_layer, webp_data_uri
from seg.evaluate.report.image_scores import ImageNote
from seg.evaluate.report.image_view import ImageView, view_image
from seg.evaluate.report.plot_geometry import PlotAxis
from seg.evaluate.report.predictors import Predictor, Predictors
from seg.labels.classes import ClassInfo, default_colour
from seg.labels.label_map import IGNORE_INDEX, LabelsHW, ProbabilitiesCHW
from seg.labels.probability_codec import HIGHEST
from seg.pictures.drawing import draw_label_layer, draw_overlay
from seg.spec import load_ensemble
from tests.engine.tiny_models import CLASSES, MakeModel
from tests.evaluate.conftest import write_labelled_project

LETTERS = tuple(ClassInfo(id=n, name="abcd"[n], colour=(n, n, n)) for n in range(4))


def random_answer(seed: int, classes: int = 4) -> tuple[LabelsHW, ProbabilitiesCHW]:
    """A truth with some pixels that are ignored, and probabilities that know something of it."""
    random = np.random.default_rng(seed)
    truth_hw = random.integers(0, classes, (40, 30)).astype(np.uint8)
    logits_chw = random.normal(0, 1, (classes, 40, 30)) + 2 * np.moveaxis(np.eye(classes)[truth_hw], -1, 0)
    probabilities_chw = torch.tensor(logits_chw, dtype=torch.float32).softmax(0).numpy()
    truth_hw[random.random((40, 30)) < 0.2] = IGNORE_INDEX
    return truth_hw, probabilities_chw


def test_the_calibration_error_is_that_of_torchmetrics() -> None:
    reliability = Reliability()
    metric = MulticlassCalibrationError(4, n_bins=BINS, norm="l1", ignore_index=IGNORE_INDEX)
    for seed in range(3):
        truth_hw, probabilities_chw = random_answer(seed)
        reliability.add(truth_hw, probabilities_chw)
        metric.update(torch.tensor(probabilities_chw[None]), torch.tensor(truth_hw[None].astype(np.int64)))
    assert reliability.expected_error == pytest.approx(float(metric.compute()), abs=1e-5)
    assert sum(found.share for found in reliability.bins) == pytest.approx(1)


def look_of(labels: list[LabelsHW], truth_hw: LabelsHW, probabilities_chw: ProbabilitiesCHW) -> ImageView:
    """Members that gave these labels; the first is taken for the ensemble."""
    views = [("identity",)] * len(labels)
    mixtures = [Mixture.single(position, views) for position in range(len(labels))]  # type: ignore[arg-type]
    members = tuple(Predictor(str(m), mixture, mixture) for m, mixture in enumerate(mixtures))
    predictors = Predictors(members, members[0])
    by_mixture = dict(zip(mixtures, labels, strict=True))
    return ImageView(predictors, LETTERS, "multiclass", truth_hw, by_mixture, probabilities_chw)


def test_doubt_is_entropy_and_dispute_is_a_difference() -> None:
    truth_hw, probabilities_chw = random_answer(0)
    random = np.random.default_rng(1)
    labels = [random.integers(0, 4, truth_hw.shape).astype(np.uint8) for _ in range(3)]
    view = look_of(labels, truth_hw, probabilities_chw)
    nats_hw = torch.special.entr(torch.tensor(probabilities_chw)).sum(0).numpy()
    np.testing.assert_allclose(view.entropy_hw, nats_hw / np.log(4), atol=1e-5)
    for row, column in np.ndindex(truth_hw.shape):
        assert view.disputed_hw[row, column] == (len({int(found[row, column]) for found in labels}) > 1)
        is_wrong = truth_hw[row, column] not in (IGNORE_INDEX, labels[0][row, column])
        assert view.wrong_hw[row, column] == is_wrong


def test_a_picture_of_labels_keeps_every_pixel_and_is_what_seg_show_draws() -> None:
    random = np.random.default_rng(0)
    classes = [ClassInfo(id=n, name=str(n), colour=default_colour(n + 1)) for n in range(4)]
    labels_hw = random.integers(0, 4, (12, 17)).astype(np.uint8)
    labels_hw[2:5, 3:9] = IGNORE_INDEX
    drawn_hwc = draw_label_layer(labels_hw, classes, clear=1)
    data = base64.b64decode(webp_data_uri(drawn_hwc).partition(",")[2])
    decoded_hwc = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded_hwc is not None
    np.testing.assert_array_equal(decoded_hwc[..., 3], drawn_hwc[..., 3])
    seen = drawn_hwc[..., 3] > 0
    np.testing.assert_array_equal(decoded_hwc[seen][:, 2::-1], drawn_hwc[seen][:, :3])

    image_hwc = random.integers(0, 256, (12, 17, 3), dtype=np.uint8)
    shown_hwc = draw_overlay(image_hwc, labels_hw, classes, opacity=1.0, clear=1)
    np.testing.assert_array_equal(shown_hwc[seen], drawn_hwc[seen][:, :3])
    np.testing.assert_array_equal(shown_hwc[~seen], image_hwc[~seen])
    assert not seen[3, 5]


def test_shrunk_labels_are_labels() -> None:
    labels_hw = np.random.default_rng(0).choice([0, 7, 255], (90, 120)).astype(np.uint8)
    small_hw = shrink_layer(labels_hw, 40, smooth=False)
    assert small_hw.shape == (30, 40)
    assert set(np.unique(small_hw)) <= {0, 7, 255}
    assert shrink_layer(labels_hw, 200) is labels_hw


@given(count=st.integers(1, 40), most=st.integers(0, 40), seed=st.integers(0, 9))
def test_the_gallery_takes_the_worst_the_doubtful_and_the_disputed(count: int, most: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    notes = [
        ImageNote(n, str(n), random.random(), (), random.random(), random.random()) for n in range(count)
    ]
    chosen = choose_gallery_images(notes, most)
    assert len(chosen) == len(set(chosen)) == min(count, most)
    if most >= 5:
        assert min(notes, key=lambda note: note.score) in chosen
        assert max(notes, key=lambda note: note.score) in chosen
        assert max(notes, key=lambda note: note.entropy) in chosen
        assert max(notes, key=lambda note: note.disputed) in chosen


@given(low=st.floats(-1e3, 1e3), width=st.floats(1e-3, 1e4))
def test_ticks_lie_on_their_axis_at_what_they_say(low: float, width: float) -> None:
    axis = PlotAxis("", low, low + width)
    ticks = axis.ticks
    assert 1 <= len(ticks) <= 8
    for place, text in ticks:
        assert -1e-3 <= place <= 100 + 1e-3
        assert axis.place(float(text)) == pytest.approx(place, abs=0.5)


def test_rows_of_a_confusion_are_shares_of_the_truth() -> None:
    heat = confusion_heatmap(["sky", "road", "car"], np.array([[8, 2, 0], [0, 5, 0], [0, 0, 0]]))
    assert heat.percents == [[80, 20, 0], [0, 100, 0], [0, 0, 0]]
    assert heat.worst == ("sky predicted as road: 20.0 %",)
    assert heat.tips[1][1] == "road correct: 100.0 %"


def test_labels_are_the_engine_s_where_they_are_no_tie(tmp_path: Path, make_model: MakeModel) -> None:
    spec = load_ensemble(write_labelled_project(tmp_path, make_model))
    findings = measure_ensemble(spec, ProbabilityCache(tmp_path / "cache"))
    engine = Ensemble.load(spec)
    for index, sample in enumerate(findings.passes.split.samples):
        view = view_image(findings.passes, findings.predictors, index, findings.predictors.mixtures)
        for one in findings.predictors.all:
            names = [one.name] if one is not findings.predictors.ensemble else ["a", "b", "c"]
            viewed = engine.only(names)
            for mixture, ensemble in ((one.viewed, viewed), (one.plain, viewed.with_views(("identity",)))):
                expected = ensemble.predict(sample.image)
                differs_hw = view.labels[mixture] != expected.labels
                assert (Decision().margins(expected.probabilities)[differs_hw] <= 4 / HIGHEST).all()
                assert differs_hw.mean() < 0.05, "more than a few pixels are ties"


def test_findings_agree_with_one_another(tmp_path: Path, make_model: MakeModel) -> None:
    spec = load_ensemble(write_labelled_project(tmp_path, make_model))
    findings = measure_ensemble(spec, ProbabilityCache(tmp_path / "cache"))
    assert findings.best.name == "a"
    gain, low, high = findings.gain(findings.plain(findings.best))
    assert low <= gain <= high < 0
    whole = findings.viewed(findings.predictors.ensemble)
    assert isinstance(findings.scores.metrics, SegmentationScores)
    assert findings.scores.metrics.miou == pytest.approx(whole.value)
    assert findings.scores.metrics.miou_interval == pytest.approx(whole.interval)
    assert whole.milliseconds == pytest.approx(2 * sum(findings.passes.milliseconds))
    assert sum(findings.stages.values()) == pytest.approx(1)


def test_gallery_images_have_a_picture_of_everyone(tmp_path: Path, make_model: MakeModel) -> None:
    spec = load_ensemble(write_labelled_project(tmp_path, make_model))
    findings = measure_ensemble(spec, ProbabilityCache(tmp_path / "cache"))
    images = list(draw_gallery(findings, 3, None))
    split = open_split(spec.data, "val")
    for image in images:
        members = ["member-0", "member-1", "member-2"]
        together = ["ensemble", "disputed", "errors", "entropy"]
        assert list(image.pictures) == ["image", "truth", *members, *together]
        assert image.pictures["member-0"] != image.pictures["member-1"]
        photo_hwc = read_image(split.samples[image.note.index].image)
        assert image.size_hw == photo_hwc.shape[:2]
        assert image.note.id == split.samples[image.note.index].id
    assert sorted(image.random for image in images) == [0, 1, 2]


@pytest.mark.slow
def test_another_split_and_groups_are_shown(tmp_path: Path, make_model: MakeModel) -> None:
    path = write_labelled_project(tmp_path, make_model)
    document = json.loads(path.read_text())
    rows_of_places = "".join(f"{number},{'north' if number < 3 else 'south'}\n" for number in range(6))
    (tmp_path / "places.csv").write_text(f"image,place\n{rows_of_places}")
    document["data"]["group"] = {"column": "place", "table": "places.csv"}
    path.write_text(json.dumps(document))
    cache = ProbabilityCache(tmp_path / "cache")
    write_report(load_ensemble(path), tmp_path / "one.html", "one", cache, 0, "train")
    page = (tmp_path / "one.html").read_text()
    assert "Another split" in page
    rows = re.findall(r'scope="row">(best member|equal weights|ensemble)</th><td>([0-9.]+)', page)
    assert [name for name, _ in rows][-3:] == ["best member", "equal weights", "ensemble"]
    scored = compare_members(load_ensemble(path)).rows
    assert float(rows[-3][1]) == pytest.approx(max(row.viewed.miou for row in scored[:-1]), abs=0.005)
    assert float(rows[-1][1]) == pytest.approx(scored[-1].viewed.miou, abs=0.005)
    assert rows[-2][1] == rows[-1][1]
    assert "bootstrap intervals over 2 groups of images" in page
    assert "validation: 6 images in 2 groups (given)" in page
    write_report(load_ensemble(path), tmp_path / "two.html", "two", cache, 0)
    assert "Another split" not in (tmp_path / "two.html").read_text()
    done = seg("report", tmp_path, "--judge", "train", "-o", tmp_path / "runs.html")
    assert done.returncode == 2 and "--judge: runs are not judged again" in done.stderr


@pytest.mark.slow
def test_a_member_alone_has_a_report_too(tmp_path: Path, make_model: MakeModel) -> None:
    path = write_labelled_project(tmp_path, make_model)
    text = path.read_text()
    path.write_text(re.sub(r', \{"name": "b".*?\}, \{"name": "c".*?\}', "", text).replace("hflip", "none"))
    done = seg("report", path, "-o", tmp_path / "one.html", "--images", "2")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "one.html").read_text()
    assert "Disagreement" not in page
    assert page.count('class="pictures-of"') == 2


def test_runs_have_a_report(tmp_path: Path) -> None:
    record = (
        '{"recipe": {"architecture": "fpn", "encoder": "resnet18", "loss": {"dice": 1}, "epochs": 2},'
        ' "result": {"best_miou": 0.5, "best_iou": {"sky & sea": 0.75}, "seconds": 60, "parameters": 9}}'
    )
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(record)
        (tmp_path / name / "metrics.csv").write_text("epoch,train_loss,val_miou\n1,2.5,0.4\n2,,0.5\n")
    write_runs_report([tmp_path / "first", tmp_path / "second"], tmp_path / "runs.html")
    page = (tmp_path / "runs.html").read_text()
    assert page.count("<polyline") == 4
    assert "sky &amp; sea" in page and "0.7500" in page
    with pytest.raises(DataError, match="holds no run"):
        write_runs_report([tmp_path], tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


def seg(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seg", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_mistakes_are_one_line(tmp_path: Path, make_model: MakeModel) -> None:
    path = write_labelled_project(tmp_path, make_model)
    for arguments, said in (
        ((path, "-o", tmp_path / "report.pdf"), "name it .html"),
        ((path, path), "one ensemble's YAML"),
        ((tmp_path,), "holds no run"),
        ((tmp_path / "none.yaml",), "none.yaml"),
    ):
        done = seg("report", *arguments)
        assert done.returncode == 2
        assert said in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.slow
def test_class_names_cannot_break_out_of_the_page(tmp_path: Path, make_model: MakeModel) -> None:
    path = write_labelled_project(tmp_path, make_model)
    evil = tuple(c.model_copy(update={"name": "</script><b>" if c.id == 1 else c.name}) for c in CLASSES)
    models = [str(make_model(seed, evil)) for seed in (1, 2, 3)]
    spec = path.read_text().replace('"ground"', '"</script><b>"')
    for old, new in zip(re.findall(r'"model": "(.*?)"', spec), models, strict=True):
        spec = spec.replace(old, new)
    path.write_text(spec)
    done = seg("report", path, "-o", tmp_path / "report.html", "--images", "1")
    assert done.returncode == 0, done.stderr
    assert "</script><b>" not in (tmp_path / "report.html").read_text()
