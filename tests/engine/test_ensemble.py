"""The ensemble against the plain loop that everyone writes, with ttach's views."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import ttach

from seg.classes import ClassInfo
from seg.engine import Ensemble
from seg.engine.decide import decide, on_grid
from seg.engine.members import Member, open_runtime
from seg.errors import ModelError
from seg.labels import ImageHWC
from seg.model_file import read_model_card
from seg.spec import EnsembleSpec
from seg.views import VIEW_SETS, ViewSetName
from tests.engine.conftest import CLASSES, MakeModel

SIZES = [(5, 7), (7, 5), (6, 6), (1, 1), (5, 7), (9, 2), (7, 5), (5, 7)]


def images(seed: int = 0) -> list[ImageHWC]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


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
    pictures = images()
    answers = dict(ensemble.predict_all(enumerate(pictures), lambda key, merged: (key, merged.copy())))
    assert sorted(answers) == list(range(len(pictures)))
    for key, image_hwc in enumerate(pictures):
        expected = plain_loop(models, weights, views, image_hwc)
        np.testing.assert_allclose(answers[key], expected.numpy(), atol=1e-5)


def test_an_answer_does_not_depend_on_company(make_model: MakeModel) -> None:
    """Bit by bit: a run that was cut off and resumed batches the same image with others."""
    ensemble = load([make_model(1), make_model(2)], [1.0, 2.0], "d4")
    pictures = images()
    for order in (range(len(pictures)), reversed(range(len(pictures))), [5, 0, 3]):
        answers = ensemble.predict_all(
            ((key, pictures[key]) for key in order), lambda key, merged: (key, merged.copy())
        )
        for key, merged in answers:
            alone = ensemble.predict(pictures[key]).probabilities
            np.testing.assert_array_equal(merged, alone)


def test_prediction_unpacks_to_labels_and_probabilities(make_model: MakeModel) -> None:
    image_hwc = images()[0]
    labels, probabilities = load([make_model(1)], [1.0], "none").predict(image_hwc)
    assert labels.dtype == np.uint8
    assert labels.shape == image_hwc.shape[:2]
    np.testing.assert_allclose(probabilities.sum(0), 1, atol=1e-5)
    np.testing.assert_array_equal(labels, probabilities.argmax(0))


def test_ties_go_to_the_lower_label() -> None:
    tied = np.full((3, 2, 2), 1 / 3, dtype=np.float32)
    assert decide(tied).tolist() == [[0, 0], [0, 0]]


def test_a_smaller_grid_averages_the_cells() -> None:
    probabilities = np.random.default_rng(0).random((3, 4, 6)).astype(np.float32)
    expected = probabilities.reshape(3, 2, 2, 3, 2).mean((2, 4))
    np.testing.assert_allclose(on_grid(probabilities, (2, 3)), expected, atol=1e-6)
    np.testing.assert_array_equal(decide(probabilities, (2, 3)), expected.argmax(0))


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


def test_the_engine_needs_no_torch() -> None:
    """Importing and using the engine must not even try to import a training library."""
    program = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "lightning", "timm", "albumentations", "ttach"}:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
import seg.engine, seg.engine.run, seg.evaluate.compare, seg.evaluate.picture
"""
    subprocess.run([sys.executable, "-c", program], check=True)
