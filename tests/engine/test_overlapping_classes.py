"""Ensembles of classes that overlap: sigmoids, views, tiles, journal and submissions, against plain loops."""

import csv
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from typer.testing import CliRunner

from seg.commands.app import app
from seg.commands.ensemble.source import resolve_ensemble_source
from seg.data.images.images import read_image, write_image
from seg.engine import Ensemble
from seg.engine.jobs.fingerprint import run_fingerprint
from seg.engine.jobs.journal.journal import Journal, JournalLabels
from seg.engine.jobs.journal.journal_entry import ExpectedLabels
from seg.engine.jobs.predict import run_ensemble
from seg.engine.passes.views import VIEWS
from seg.engine.resolved import resolve_ensemble
from seg.engine.submissions import SubmissionForSpec
from seg.engine.submissions.tables import rle
from seg.errors import ModelError, SpecError
from seg.labels.classes import ClassInfo, default_colour
from seg.labels.task import Task, pack_masks
from seg.models.temperature import set_temperature_in_graph
from seg.spec import load_ensemble
from seg.spec.ensemble.prediction import MergeName
from seg.views import VIEW_SETS
from tests.engine.tiny_models import CLASSES, IMAGES, MakeModel


def write_spec(project: Path, **changes: Any) -> Path:
    """The project's spec with other keys; those of `data` and `output` are joined."""
    spec = json.loads(project.read_text())
    data = {"predict": {"images": "images"}, "task": "multilabel"} | changes.pop("data", {})
    classes = [{"id": c.id, "name": c.name} for c in CLASSES]
    spec |= {"data": {"classes": classes, **data}, **changes}
    path = project.with_name("overlapping.yaml")
    path.write_text(json.dumps(spec))
    return path


@pytest.fixture
def models(make_model: MakeModel) -> list[Path]:
    return [make_model(seed, task="multilabel") for seed in (1, 2)]


def loop(models: list[Path], image_hwc: NDArray[np.uint8], merge: MergeName, temperature: float) -> Any:
    """The merged probabilities of all views, float64 `[C, H, W]`; the second model has twice the weight."""
    passes, shares = [], []
    for model, share in zip(models, (1 / 3, 2 / 3), strict=True):
        graph = onnx.load(model)
        set_temperature_in_graph(graph, temperature, model)
        session = onnxruntime.InferenceSession(graph.SerializeToString())
        for view in VIEW_SETS["d4"]:
            seen = np.ascontiguousarray(VIEWS[view].apply(image_hwc))
            (found,) = session.run(None, {"image": seen[None]})
            passes.append(VIEWS[view].invert(found[0]).astype(np.float64))
            shares.append(share / 8)
    stack = np.stack(passes)
    if merge == "geometric":
        logits = np.log(np.maximum(stack, 1e-7)) - np.log(np.maximum(1 - stack, 1e-7))
        return 1 / (1 + np.exp(-np.average(logits, axis=0, weights=shares)))
    return np.average(stack if merge == "mean" else stack > 0.5, axis=0, weights=shares)


@pytest.mark.parametrize("merge", ["mean", "geometric", "vote"])
def test_prediction_is_that_of_a_loop(project: Path, models: list[Path], merge: MergeName) -> None:
    members = [
        {"name": "a", "model": str(models[0]), "temperature": 1.5},
        {"name": "b", "model": str(models[1]), "temperature": 1.5, "weight": 2},
    ]
    ensemble = Ensemble.load(write_spec(project, merge=merge, members=members))
    image_hwc = read_image(project.parent / "images/1.png")
    expected = loop(models, image_hwc, merge, 1.5)
    prediction = ensemble.predict(image_hwc)
    np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-4 if merge == "vote" else 1e-5)
    clear = np.abs(expected - 0.5) > 1e-3
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(prediction.masks[clear], (expected > 0.5)[clear])
    assert (prediction.masks.sum(0) > 1).any() and not prediction.masks.any(0).all()
    np.testing.assert_array_equal(pack_masks(prediction.masks), prediction.labels)
    sure = np.where(prediction.masks, prediction.probabilities, 1 - prediction.probabilities).min(0)
    np.testing.assert_allclose(prediction.confidence, sure)


def test_tiles_are_averaged_where_they_overlap(project: Path, models: list[Path]) -> None:
    """Tiles of 8, each 2 pixels further than the last: all are whole images of their own."""
    members = [{"name": "a", "model": str(models[0])}]
    whole = Ensemble.load(write_spec(project, members=members, views="none"))
    tile = {"size": 8, "overlap": 0.75, "blend": "uniform"}
    tiled = Ensemble.load(write_spec(project, members=members, views="none", tile=tile))
    image_hwc = np.random.default_rng(0).integers(0, 256, (16, 14, 3), dtype=np.uint8)
    sum_chw = np.zeros((len(whole.classes), 16, 14))
    count_hw = np.zeros((16, 14))
    for top, left in itertools.product(range(0, 9, 2), range(0, 7, 2)):
        part = np.s_[top : top + 8, left : left + 8]
        sum_chw[:, *part] += whole.predict(np.ascontiguousarray(image_hwc[part])).probabilities
        count_hw[part] += 1
    found = tiled.predict(image_hwc)
    np.testing.assert_allclose(found.probabilities, sum_chw / count_hw, atol=1e-6)
    labels = dict(tiled.label_all([("tiled", image_hwc)], lambda key, labels_hw: (key, labels_hw)))
    np.testing.assert_array_equal(labels["tiled"], found.labels)


@pytest.mark.parametrize("classes", [4, 11, 40])
def test_a_run_continues_with_labels_of_any_size(project: Path, make_model: MakeModel, classes: int) -> None:
    named = tuple(ClassInfo(id=n, name=f"c{n}", colour=default_colour(n)) for n in range(classes))
    model = make_model(3, named, task="multilabel")
    path = write_spec(
        project,
        data={"classes": [c.name for c in named]},
        members=[{"name": "a", "model": str(model)}],
        output={"file": "out.npz", "format": "npz"},
    )
    spec = load_ensemble(path)
    assert run_ensemble(spec).images_now == IMAGES
    output = project.parent / "out.npz"
    first = output.read_bytes()
    output.unlink()
    assert run_ensemble(spec).images_now == 0
    assert output.read_bytes() == first
    ensemble = Ensemble.load(spec)
    for image, labels_hw in np.load(output).items():
        expected = ensemble.predict(project.parent / f"images/{image}.png").labels
        np.testing.assert_array_equal(labels_hw, expected)
        assert labels_hw.dtype == expected.dtype


@pytest.mark.parametrize("classes", [4, 11])
@pytest.mark.parametrize("output", [{"file": "s.csv"}, {"file": "s", "format": "geojson"}], ids=str)
def test_a_large_image_is_written_by_its_strips(
    project: Path,
    make_model: MakeModel,
    classes: int,
    output: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same file as of the whole image."""
    named = tuple(ClassInfo(id=n, name=f"c{n}", colour=default_colour(n)) for n in range(classes))
    path = write_spec(
        project,
        data={"classes": [c.name for c in named], "predict": {"images": "large"}},
        members=[{"name": "a", "model": str(make_model(3, named, task="multilabel"))}],
        views="none",
        tile={"size": 16, "overlap": 0.25},
        output=output,
    )
    noise = np.random.default_rng(0).integers(0, 256, (90, 41, 3), dtype=np.uint8)
    write_image(project.parent / "large/x.png", noise)
    spec = load_ensemble(path)
    run_ensemble(spec)
    file = spec.output.file if spec.output.file.is_file() else spec.output.file / "x.geojson"
    whole = file.read_bytes()
    monkeypatch.setattr("seg.data.images.raster.LARGE", 1000)
    run_ensemble(spec, restart=True)
    resolved, expected = resolve_ensemble(spec), ExpectedLabels(classes, task="multilabel")
    fingerprint = run_fingerprint(resolved, resolved.samples)
    with Journal(spec.output.file, fingerprint, expected=expected) as journal:
        assert isinstance(journal.labels("x"), JournalLabels)
    assert file.read_bytes() == whole


@pytest.mark.parametrize(("label", "value"), [(None, 0), ("glass", 4)])
def test_a_plain_tile_has_no_class_or_the_one_that_is_named(
    project: Path, models: list[Path], label: str | None, value: int
) -> None:
    plain = {"spread": 5} | ({"label": label} if label else {})
    members, tile = [{"name": "a", "model": str(models[0])}], {"size": 16, "overlap": 0.0, "plain": plain}
    ensemble = Ensemble.load(write_spec(project, members=members, tile=tile))
    image_hwc = np.random.default_rng(0).integers(0, 256, (16, 32, 3), dtype=np.uint8)
    image_hwc[:, 16:] = 120
    labels_hw = ensemble.predict(image_hwc).labels
    assert (labels_hw[:, 16:] == value).all() and len(np.unique(labels_hw[:, :16])) > 4
    with pytest.raises(SpecError, match="tile: plain: name the class of their pixels"):
        Ensemble.from_models(
            [lambda images: images], classes=["a", "b"], tile={"size": 16, "plain": {}}
        ).predict(image_hwc)


@pytest.mark.parametrize(
    "output",
    [
        {"file": "s.csv"},
        {"file": "s.csv", "format": "kaggle-per-image"},
        {"file": "s.csv", "columns": ["id", "class", "predicted"], "rle": {"order": "rows"}},
        {"file": "s.csv", "empty": "drop"},
        {"file": "s.json", "format": "coco"},
        {"file": "s", "format": "png"},
        {"file": "s.npz", "format": "npz"},
        {"file": "s", "format": "geojson"},
    ],
    ids=str,
)
def test_submissions_hold_overlaps(project: Path, models: list[Path], output: dict[str, Any]) -> None:
    spec = load_ensemble(
        write_spec(project, output=output, members=[{"name": "a", "model": str(models[0])}], views="none")
    )
    run_ensemble(spec)
    known = SubmissionForSpec(spec)
    found = dict(known.form().read(spec.output.file, known.size_of))
    ensemble = Ensemble.load(spec)
    assert len(found) == IMAGES
    for image, labels_hw in found.items():
        np.testing.assert_array_equal(
            labels_hw, ensemble.predict(project.parent / f"images/{image}.png").labels
        )


def test_rows_and_objects_are_those_of_other_libraries(project: Path, models: list[Path]) -> None:
    """Run lengths decoded by hand, COCO's by pycocotools."""
    members = [{"name": "a", "model": str(models[0])}]
    spec = load_ensemble(write_spec(project, members=members, views="none", output={"file": "s.csv"}))
    run_ensemble(spec)
    coco = load_ensemble(
        write_spec(project, members=members, views="none", output={"file": "s.json", "format": "coco"})
    )
    run_ensemble(coco)
    objects = json.loads((project.parent / "s.json").read_text())
    rows = dict(csv.reader((project.parent / "s.csv").read_text().splitlines()))
    ensemble = Ensemble.load(spec)
    both = 0
    for number in range(IMAGES):
        prediction = ensemble.predict(project.parent / f"images/{number}.png")
        both += int((prediction.masks.sum(0) > 1).sum())
        for c, mask_hw in zip(CLASSES, prediction.masks, strict=True):
            flat = np.zeros(mask_hw.size, dtype=np.bool_)
            numbers = list(map(int, rows[f"{number}_{c.id}"].split()))
            for start, length in zip(numbers[::2], numbers[1::2], strict=True):
                flat[start - 1 : start - 1 + length] = True
            np.testing.assert_array_equal(flat.reshape(mask_hw.shape, order="F"), mask_hw)
            own = [o for o in objects if o["image_id"] == number and o["category_id"] == c.id]
            drawn = [coco_mask.decode(o["segmentation"]) for o in own] or [np.zeros(mask_hw.shape)]
            np.testing.assert_array_equal(drawn[0] == 1, mask_hw)
    assert both


def test_runs_of_two_classes_may_overlap() -> None:
    masks = np.random.default_rng(0).random((3, 7, 5)) > 0.4
    texts = rle.encode_rle_of_masks(pack_masks(masks), 3)
    for text, mask_hw in zip(texts, masks, strict=True):
        np.testing.assert_array_equal(rle.decode_rle(text, (7, 5)), mask_hw)


def test_a_softmax_of_two_joins_a_sigmoid_of_one(project: Path, make_model: MakeModel) -> None:
    pair = tuple(ClassInfo(id=n, name=name, colour=(n, n, n)) for n, name in enumerate(["ground", "paper"]))
    softmax, sigmoid = make_model(5, pair), make_model(6, pair[1:], task="binary")
    path = write_spec(
        project,
        data={"task": "binary", "classes": ["paper"]},
        members=[{"name": "a", "model": str(softmax)}, {"name": "b", "model": str(sigmoid)}],
        views="none",
    )
    image_hwc = read_image(project.parent / "images/0.png")
    sessions = map(onnxruntime.InferenceSession, (softmax, sigmoid))
    own = [session.run(None, {"image": image_hwc[None]})[0][0] for session in sessions]
    prediction = Ensemble.load(path).predict(image_hwc)
    np.testing.assert_allclose(prediction.probabilities[0], (own[0][1] + own[1][0]) / 2, atol=1e-6)
    assert set(np.unique(prediction.labels)) == {0, 1}


def test_models_of_both_tasks_are_the_same_ensemble_in_any_order(
    make_model: MakeModel, tmp_path: Path
) -> None:
    pair = tuple(ClassInfo(id=n, name=name, colour=(n, n, n)) for n, name in enumerate(["ground", "paper"]))
    both = [make_model(5, pair), make_model(6, pair[1:], task="binary")]
    image_hwc = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    found = []
    for models in (both, both[::-1]):
        prediction = Ensemble.from_models(models, runtime="cpu").predict(image_hwc)
        found.append(prediction.probabilities)
        assert resolve_ensemble_source(models).spec.data.task == "binary"
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    assert found[0].shape == (1, 9, 12)


def test_calibrate_says_what_it_is_for(project: Path, make_model: MakeModel) -> None:
    path = write_spec(
        project,
        data={"task": "multilabel"},
        members=[{"name": "a", "model": str(make_model(1, task="multilabel"))}],
    )
    refused = CliRunner().invoke(app, ["calibrate", str(path)])
    assert "early exit, which seg calibrate calibrates, is for one class a pixel" in str(refused.exception)


@pytest.mark.parametrize(("model_task", "task"), [("multiclass", "multilabel"), ("multilabel", "multiclass")])
def test_another_task_is_refused_before_anything_is_loaded(
    project: Path, make_model: MakeModel, model_task: Task, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seg.engine.load.open_runtime", lambda *_, **__: pytest.fail("a model was loaded"))
    members = [{"name": "a", "model": str(make_model(1, task=model_task))}]
    with pytest.raises(
        ModelError, match=f"tiny-1.onnx: was trained with 'task: {model_task}'.*'task: {task}'"
    ):
        Ensemble.load(write_spec(project, data={"task": task}, members=members))


def test_models_bring_their_task(models: list[Path]) -> None:
    image_hwc = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    ensemble = Ensemble.from_models(models, runtime="cpu")
    assert ensemble.task == "multilabel"
    assert ensemble.predict(image_hwc).masks.shape == (4, 9, 11)


def test_functions_say_their_task() -> None:
    def sure(images_nhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.full((len(images_nhwc), 2, *images_nhwc.shape[1:3]), 0.9, np.float32)

    image_hwc = np.zeros((4, 6, 3), dtype=np.uint8)
    ensemble = Ensemble.from_models([sure], classes=["a", "b"], task="multilabel")
    assert ensemble.predict(image_hwc).masks.all()
    with pytest.raises(ModelError, match="sum to 1"):
        Ensemble.from_models([sure], classes=["a", "b"]).predict(image_hwc)
