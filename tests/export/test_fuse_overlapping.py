"""A whole ensemble of classes that overlap in one file, against the engine."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg.data.images.images import write_image
from seg.engine import Ensemble
from seg.export.fuse.card import EnsembleCard
from seg.export.fuse.fuse import FusionRequest, fuse_ensemble
from seg.labels.classes import ClassInfo
from seg.labels.task import Task, label_dtype
from seg.spec import EnsembleSpec, load_ensemble
from tests.engine.tiny_models import MakeModel
from tests.export.fused import EVERYTHING, run
from tests.export.tiny import image

SIZES = [(24, 31), (9, 40), (1, 1)]


def classes(count: int) -> tuple[ClassInfo, ...]:
    return tuple(ClassInfo(id=n + 1, name=f"c{n}", colour=(n, n, n)) for n in range(count))


def ensemble(folder: Path, models: list[Path], count: int, task: Task, **more: Any) -> EnsembleSpec:
    """The second model has twice the weight of the first."""
    for number in range(2):
        write_image(folder / f"images/{number}.png", image(30 + number, 43, seed=number))
    members = [{"name": f"m{n}", "model": str(path), "weight": n + 1} for n, path in enumerate(models)]
    data = {"val": {"images": "images"}, "task": task, "classes": [c.name for c in classes(count)]}
    spec = {"data": data, "members": members, "views": "d4", "runtime": "cpu", **more}
    (folder / "team.yaml").write_text(json.dumps(spec))
    return load_ensemble(folder / "team.yaml")


def check_is_engine(spec: EnsembleSpec, folder: Path) -> EnsembleCard:
    card = fuse_ensemble(spec, FusionRequest("team", EVERYTHING), folder / "team.onnx")
    engine = Ensemble.load(spec)
    for size_hw in SIZES:
        images = [image(*size_hw, seed) for seed in range(2)]
        found = run(folder / "team.onnx", np.stack(images))
        for row, image_hwc in enumerate(images):
            expected = engine.predict(image_hwc)
            np.testing.assert_array_equal(found["labels"][row], expected.labels)
            np.testing.assert_allclose(found["probabilities"][row], expected.probabilities, atol=1e-5)
            np.testing.assert_allclose(found["confidence"][row], expected.confidence, atol=1e-5)
    assert found["labels"].dtype == label_dtype(card.task, len(card.classes))
    return card


@pytest.mark.parametrize("merge", ["mean", "geometric", "vote"])
def test_it_says_what_the_engine_says(merge: str, make_model: MakeModel, tmp_path: Path) -> None:
    models = [make_model(seed, classes(3), task="multilabel") for seed in range(3)]
    card = check_is_engine(ensemble(tmp_path, models, 3, "multilabel", merge=merge), tmp_path)
    assert card.verification is not None
    assert (card.task, card.thresholds, card.verification.faults) == ("multilabel", (0.5,) * 3, 0)


@pytest.mark.parametrize(
    ("count", "task"),
    [(1, "binary"), (8, "multilabel"), (11, "multilabel"), (40, "multilabel"), (63, "multilabel")],
)
def test_labels_have_a_bit_for_each_class(
    count: int, task: Task, make_model: MakeModel, tmp_path: Path
) -> None:
    models = [make_model(seed, classes(count), task=task) for seed in range(2)]
    check_is_engine(ensemble(tmp_path, models, count, task, views="hflip"), tmp_path)


def test_a_softmax_of_two_is_a_sigmoid_of_one(make_model: MakeModel, tmp_path: Path) -> None:
    pair = (ClassInfo(id=9, name="other", colour=(0, 0, 0)), *classes(1))
    models = [make_model(0, pair), make_model(1, classes(1), task="binary"), make_model(2, pair[::-1])]
    check_is_engine(ensemble(tmp_path, models, 1, "binary"), tmp_path)


def test_shares_of_single_classes_are_not_normalised_over_classes(
    make_model: MakeModel, tmp_path: Path
) -> None:
    models = [make_model(seed, classes(3), task="multilabel") for seed in range(2)]
    members = [
        {"name": "a", "model": str(models[0]), "class_weights": {"c1": 4}, "temperature": 2},
        {"name": "b", "model": str(models[1]), "covers": ["c0", "c1"]},
    ]
    check_is_engine(ensemble(tmp_path, models, 3, "multilabel", members=members), tmp_path)


def test_thresholds_are_in_it(make_model: MakeModel, tmp_path: Path) -> None:
    models = [make_model(seed, classes(3), task="multilabel") for seed in range(2)]
    decision = {"threshold": 0.3, "classes": {"c1": {"threshold": 0.8}}}
    card = check_is_engine(ensemble(tmp_path, models, 3, "multilabel", decision=decision), tmp_path)
    assert card.thresholds == (0.3, 0.8, 0.3)
    image_hwc = image(24, 31)
    prediction = Ensemble.load(load_ensemble(tmp_path / "team.yaml")).predict(image_hwc)
    limits = np.array(card.thresholds, dtype=np.float32)[:, None, None]
    np.testing.assert_array_equal(prediction.masks, prediction.probabilities > limits)
