"""The ensemble against the plain loop that everyone writes, with ttach's views."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
import ttach

from seg.engine import Ensemble
from seg.engine.jobs.stopping import build_stopping
from seg.engine.member import Member
from seg.engine.passes.tiles import lay_out_tiles
from seg.engine.pipeline.timing import Clock
from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo, Streams
from seg.engine.runtimes.open import open_runtime
from seg.errors import ModelError
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC
from seg.models.card import TrainingCard
from seg.models.model_file import read_model_card
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.prediction import MergeName, StoppingSpec, TileSpec
from seg.views import VIEW_SETS, ViewName, ViewSetName
from tests.engine.tiny_images import images_of_sizes
from tests.engine.tiny_models import CLASSES, MakeModel


class Slow(Runtime):
    """A runtime whose answers take a random while, with as many streams as asked."""

    def __init__(self, inner: Runtime, streams: int) -> None:
        self._inner = inner
        self._info = replace(inner.describe(), streams=Streams(streams, 1))
        self._random = random.Random(0)

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        time.sleep(self._random.random() / 200)
        return self._inner.run(images_nhwc)

    def placement(self, images_nhwc: ImagesNHWC) -> Placement:
        return self._inner.placement(images_nhwc)

    def describe(self) -> RuntimeInfo:
        return self._info


class Failing(Slow):
    def __init__(self, inner: Runtime) -> None:
        super().__init__(inner, streams=2)

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        raise ZeroDivisionError


def load(models: list[Path], weights: list[float], views: ViewSetName, batch_size: int = 4) -> Ensemble:
    members = tuple(
        Member(model.stem, open_runtime(model, "cpu"), read_model_card(model), weight, VIEW_SETS[views])
        for model, weight in zip(models, weights, strict=True)
    )
    return Ensemble(members, batch_size)


def plain_loop(
    models: list[Path],
    weights: list[float],
    views: ViewSetName,
    image_hwc: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> torch.Tensor:
    """Softmax averaging over members and ttach's views, one by one, in float64."""
    transforms = {
        "none": ttach.Compose([]),
        "hflip": ttach.aliases.hflip_transform(),
        "d4": ttach.aliases.d4_transform(),
    }[views]
    image_nchw = torch.from_numpy(image_hwc).permute(2, 0, 1)[None]
    total = torch.zeros(len(CLASSES), *image_hwc.shape[:2], dtype=torch.float64)
    for model, weight in zip(models, weights, strict=True):
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        answers = []
        for transform in transforms:
            seen = transform.augment_image(image_nchw).permute(0, 2, 3, 1).contiguous().numpy()
            answer = torch.from_numpy(session.run(None, {"image": seen})[0])
            answers.append(transform.deaugment_mask(answer)[0].double())
        total += weight / sum(weights) * torch.stack(answers).mean(0)
    return total


@pytest.mark.parametrize("views", ["none", "hflip", "d4"])
@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_probabilities_are_those_of_the_plain_loop(
    make_model: MakeModel, views: ViewSetName, batch_size: int
) -> None:
    models, weights = [make_model(1), make_model(2)], [0.7, 2.1]
    ensemble = load(models, weights, views, batch_size)
    pictures = images_of_sizes()
    answers = dict(ensemble.predict_all(enumerate(pictures), lambda key, merged: (key, merged.copy())))
    assert sorted(answers) == list(range(len(pictures)))
    for key, image_hwc in enumerate(pictures):
        expected = plain_loop(models, weights, views, image_hwc)
        np.testing.assert_allclose(answers[key], expected.numpy(), atol=1e-5)


def test_an_answer_does_not_depend_on_company(make_model: MakeModel) -> None:
    """Bit by bit: a run that was cut off and resumed batches the same image with others."""
    ensemble = load([make_model(1), make_model(2)], [1.0, 2.0], "d4")
    pictures = images_of_sizes()
    for order in (range(len(pictures)), reversed(range(len(pictures))), [5, 0, 3]):
        answers = ensemble.predict_all(
            ((key, pictures[key]) for key in order), lambda key, merged: (key, merged.copy())
        )
        for key, merged in answers:
            alone = ensemble.predict(pictures[key]).probabilities
            np.testing.assert_array_equal(merged, alone)


def test_labels_are_those_of_the_probabilities(make_model: MakeModel) -> None:
    ensemble = load([make_model(1), make_model(2)], [1.0, 2.0], "d4")
    pictures = images_of_sizes()
    labels = dict(ensemble.label_all(enumerate(pictures), lambda key, labels_hw: (key, labels_hw)))
    for key, image_hwc in enumerate(pictures):
        np.testing.assert_array_equal(labels[key], ensemble.predict(image_hwc).labels)


def test_exact_stopping_saves_passes_and_no_label(make_model: MakeModel) -> None:
    models, weights = [make_model(1), make_model(2)], [1.0, 9.0]
    ensemble = load(models, weights, "d4", batch_size=1)
    pictures = images_of_sizes()
    clock = Clock()
    labels = dict(
        ensemble.label_all(
            enumerate(pictures),
            lambda key, labels_hw: (key, labels_hw),
            stopping=build_stopping(StoppingSpec(), ensemble),
            clock=clock,
        )
    )
    for key, image_hwc in enumerate(pictures):
        np.testing.assert_array_equal(labels[key], ensemble.predict(image_hwc).labels)
    assert clock.planned == len(pictures) * 16
    assert clock.passes < clock.planned


@pytest.mark.parametrize("batch_size", [1, 4])
def test_tiles_are_images_that_are_blended(make_model: MakeModel, batch_size: int) -> None:
    """Each tile through the plain loop, then a weighted mean over the whole image."""
    models, weights = [make_model(1), make_model(2)], [0.7, 2.1]
    tile = TileSpec(size=(8, 10), overlap=0.5, blend="uniform")
    ensemble = replace(load(models, weights, "d4", batch_size), tile=tile)
    image_hwc = np.random.default_rng(0).integers(0, 256, (21, 17, 3), dtype=np.uint8)
    total = np.zeros((len(CLASSES), 21, 17))
    count = np.zeros((21, 17))
    layout = lay_out_tiles((21, 17), tile)
    for top in layout.rows.starts:
        for left in layout.columns.starts:
            inside = (slice(top, top + 8), slice(left, left + 10))
            total[:, *inside] += plain_loop(models, weights, "d4", image_hwc[inside]).numpy()
            count[inside] += 1
    prediction = ensemble.predict(image_hwc)
    np.testing.assert_allclose(prediction.probabilities, total / count, atol=1e-5)
    (labels_hw,) = ensemble.label_all([(0, image_hwc)], lambda _, labels_hw: labels_hw)
    np.testing.assert_array_equal(labels_hw, prediction.labels)


def test_many_streams_give_the_bits_of_one(make_model: MakeModel) -> None:
    """Runtimes that answer after a random while, so that answers overtake one another."""
    ensemble = load([make_model(1), make_model(2)], [1.0, 2.0], "d4")
    slow = replace(
        ensemble,
        members=tuple(replace(m, runtime=Slow(m.runtime, streams=6)) for m in ensemble.members),
        batch_size=2,
    )
    pictures = images_of_sizes()
    answers = dict(slow.predict_all(enumerate(pictures), lambda key, merged: (key, merged)))
    for key, image_hwc in enumerate(pictures):
        np.testing.assert_array_equal(answers[key], ensemble.predict(image_hwc).probabilities)


def test_a_failing_runtime_ends_the_stream(make_model: MakeModel) -> None:
    ensemble = load([make_model(1)], [1.0], "d4")
    (member,) = ensemble.members
    failing = replace(ensemble, members=(replace(member, runtime=Failing(member.runtime)),))
    with pytest.raises(ZeroDivisionError):
        list(failing.label_all(enumerate(images_of_sizes()), lambda key, _: key))


def test_images_are_taken_only_as_fast_as_they_are_finished(make_model: MakeModel) -> None:
    ensemble = load([make_model(1)], [1.0], "d4", batch_size=1)
    taken = 0

    def endless() -> Iterator[tuple[int, ImageHWC]]:
        nonlocal taken
        while True:
            taken += 1
            yield taken, np.zeros((6, 6, 3), dtype=np.uint8)

    labelled = ensemble.label_all(endless(), lambda key, _: key)
    for finished, _ in enumerate(islice(labelled, 50), start=1):
        assert taken - finished <= 2 * (ensemble.streams + 1)


def test_members_with_other_classes_are_refused(make_model: MakeModel, tmp_path: Path) -> None:
    other = (*CLASSES[:-1], ClassInfo(id=9, name="gold", colour=(1, 2, 3)))
    spec = EnsembleSpec.model_validate(
        {
            "data": {"train": {"images": "x"}, "val": {"images": "x"}},
            "members": [
                {"name": "a", "model": str(make_model(1))},
                {"name": "b", "model": str(make_model(2, other))},
            ],
        },
        context={"folder": tmp_path},
    )
    with pytest.raises(ModelError, match="gold"):
        Ensemble.load(spec)


@pytest.mark.slow
def test_the_engine_needs_no_torch() -> None:
    """Importing and using the engine must not even try to import a training library."""
    program = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "lightning", "timm", "albumentations", "ttach"}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
import seg.engine, seg.engine.jobs.predict, seg.evaluate.compare, seg.evaluate.show.contact_sheet
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("merge", ["mean", "geometric", "vote"])
def test_scaled_views_are_merged_at_the_image_s_own_size(make_model: MakeModel, merge: MergeName) -> None:
    """Against resizing by hand, view by view."""
    views: tuple[ViewName, ...] = ("identity", "scale0.75", "hflip-scale1.5")
    ensemble = replace(load([make_model(1)], [1.0], "none").with_views(views), merge=merge)
    image_hwc = np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)
    runtime = ensemble.members[0].runtime
    answers = []
    for scale, flips in ((1.0, False), (0.75, False), (1.5, True)):
        seen_hwc = image_hwc[:, ::-1] if flips else image_hwc
        if scale != 1:
            method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            size = round(34 * scale), round(21 * scale)
            seen_hwc = cv2.resize(np.ascontiguousarray(seen_hwc), size, interpolation=method).astype(np.uint8)
        answer = runtime.run(np.ascontiguousarray(seen_hwc)[None])[0]
        answer = np.stack([cv2.resize(plane, (34, 21)) for plane in answer])
        answers.append(answer[:, :, ::-1] if flips else answer)
    prediction = ensemble.predict(image_hwc)
    labels_hw, probabilities = prediction.labels, prediction.probabilities
    assert labels_hw.shape == (21, 34)
    if merge == "mean":
        np.testing.assert_allclose(probabilities, np.mean(answers, axis=0), atol=1e-5)
    elif merge == "geometric":
        logs = np.mean(np.log(np.maximum(answers, 1e-7)), axis=0)
        expected = np.exp(logs) / np.exp(logs).sum(0)
        np.testing.assert_allclose(probabilities, expected, atol=1e-4)
    else:
        votes = np.array([answer.argmax(0) for answer in answers])
        agreed = (votes[1] == votes[2]) | (votes[0] == votes[1])
        np.testing.assert_array_equal(labels_hw[agreed], votes[1][agreed])


def test_a_scale_is_familiar_where_its_symmetry_is(make_model: MakeModel) -> None:
    card = read_model_card(make_model(1))
    training = TrainingCard(value=0.5, epoch=1, epochs=1, seed=0, views="none", dataset_fingerprint="x")
    card = card.model_copy(update={"training": training})
    views: tuple[ViewName, ...] = ("scale0.5", "hflip-scale2", "hflip")
    member = Member("m", open_runtime(make_model(1), "cpu"), card, 1.0, views)
    assert member.unfamiliar_views == ("hflip-scale2", "hflip")


def test_a_large_image_is_watched_strip_by_strip(project: Path) -> None:
    tile = TileSpec(size=(16, 16))
    ensemble = Ensemble.load(load_ensemble(project).model_copy(update={"tile": tile}))
    images = {"large": np.zeros((60, 20, 3), dtype=np.uint8), "small": np.zeros((9, 9, 3), dtype=np.uint8)}
    seen: dict[str, list[tuple[int, int]]] = {"large": [], "small": []}
    for _ in ensemble.label_all(
        images.items(), lambda key, _: key, watch=lambda key, *rows: seen[key].append(rows)
    ):
        pass
    assert seen["small"] == [(9, 9)]
    assert len(seen["large"]) > 3
    assert seen["large"] == sorted(set(seen["large"]))
    assert seen["large"][-1] == (60, 60)
