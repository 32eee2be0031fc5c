"""`seg.load` and what it gives: from a YAML, from model files, image by image and many at a time."""

import doctest
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import seg
from seg.data.images.images import read_image, write_image
from seg.engine import api, ensemble, prediction
from seg.errors import DataError, SpecError
from seg.pictures.drawing import draw_overlay
from seg.spec.ensemble.from_models import spec_from_models
from tests.engine.tiny_models import CLASSES, IMAGES

MakeModel = Callable[..., Path]


@pytest.fixture
def models(make_model: MakeModel, tmp_path: Path) -> list[Path]:
    """Two exported models, and two images beside them."""
    paths = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    for seed, path in enumerate(paths, start=1):
        shutil.copy(make_model(seed), path)
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, rng.integers(0, 256, (21, 34, 3), dtype=np.uint8))
    return paths


def test_models_without_a_yaml_are_the_ensemble_of_a_yaml(models: list[Path], tmp_path: Path) -> None:
    yaml = tmp_path / "mine.yaml"
    yaml.write_text(
        "data: { predict: { images: '*.png' } }\nviews: d4\nruntime: cpu\nmembers:\n"
        "  - { name: a, model: a.onnx, weight: 2 }\n  - { name: b, model: b.onnx }\n"
    )
    said = seg.load(yaml).predict(tmp_path / "a.png")
    from_files = seg.load(models, weights=[2, 1], views="d4", runtime="cpu").predict(tmp_path / "a.png")
    np.testing.assert_array_equal(from_files.probabilities, said.probabilities)
    np.testing.assert_array_equal(from_files.labels, said.labels)


def test_one_model_is_an_ensemble_too(models: list[Path], tmp_path: Path) -> None:
    alone = seg.load(models[0], runtime="cpu").predict(tmp_path / "a.png")
    np.testing.assert_array_equal(
        alone.labels, seg.load(models[:1], runtime="cpu").predict(tmp_path / "a.png").labels
    )


def test_many_come_in_the_order_of_the_images(models: list[Path]) -> None:
    loaded = seg.load(models, runtime="cpu", batch_size=2)
    rng = np.random.default_rng(1)
    # Of two sizes in turn, so that batches are filled out of order.
    images = [rng.integers(0, 256, (20 + n % 2, 30, 3), dtype=np.uint8) for n in range(2 * IMAGES)]
    many = list(loaded.predict_many(iter(images)))
    assert len(many) == len(images)
    for image, found in zip(images, many, strict=True):
        np.testing.assert_array_equal(found.labels, loaded.predict(image).labels)


def test_a_prediction_shows_classes_confidence_and_overlay(models: list[Path], tmp_path: Path) -> None:
    found = seg.load(models, runtime="cpu").predict(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert found.classes == CLASSES
    np.testing.assert_array_equal(found.labels, found.probabilities.argmax(0))
    np.testing.assert_array_equal(found.confidence, found.probabilities.max(0))
    np.testing.assert_array_equal(found.class_ids, found.labels.astype(np.int64) + 1)
    np.testing.assert_array_equal(found.overlay(image), draw_overlay(image, found.labels, CLASSES))
    np.testing.assert_array_equal(
        found.overlay(image, hide="ground"), draw_overlay(image, found.labels, CLASSES, clear=0)
    )


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda found, image: found.overlay(image[:5]), r"the image must be \[21, 34, 3\], got \[5, 34, 3\]"),
        (lambda found, image: found.overlay(image, hide="grund"), "there is no class 'grund'"),
    ],
)
def test_an_overlay_of_something_else_is_refused(
    call: Callable[[seg.Prediction, np.ndarray], object], problem: str, models: list[Path], tmp_path: Path
) -> None:
    found = seg.load(models[:1], runtime="cpu").predict(tmp_path / "a.png")
    with pytest.raises(ValueError, match=problem):
        call(found, read_image(tmp_path / "a.png"))


@pytest.mark.parametrize(
    ("arguments", "options", "problem"),
    [
        ([], {}, "at least one path is needed"),
        (["a.onnx"], {"weights": [1, 2]}, "one for each of 1 model, got 2"),
        (["a.onnx"], {"views": "d5"}, "views are one of"),
        (["a.onnx"], {"vews": "d4"}, "vews"),
        (["a.onnx"], {"weights": [-1]}, "weight"),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], options: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        seg.load(arguments, **options)  # type: ignore[arg-type]


def test_a_yaml_and_options_of_models_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="views: the ensemble's YAML says it"):
        seg.load(tmp_path / "mine.yaml", views="d4")
    with pytest.raises(SpecError, match="cannot be read"):
        seg.load(tmp_path / "mine.yaml")


def test_models_are_named_after_their_files_or_run_folders() -> None:
    paths = ["runs/b4/model.onnx", "x/deep lab.onnx", "y/deep lab.onnx", "runs/b4/model.onnx"]
    assert [member.name for member in spec_from_models(paths).members] == [
        "b4",
        "deep-lab",
        "deep-lab-2",
        "b4-2",
    ]


def test_a_dataset_without_a_split_says_so_when_it_is_needed(models: list[Path]) -> None:
    with pytest.raises(DataError, match="data: has no 'predict' split"):
        spec_from_models(models).data.split("predict")
    with pytest.raises(DataError, match="data: has no 'train' split"):
        spec_from_models(models).data.split("train")


@pytest.mark.slow
def test_importing_seg_loads_nothing_heavy() -> None:
    heavy = ("numpy", "onnx", "torch", "cv2", "pydantic")
    program = f"import sys, seg; dir(seg); print(*(m for m in {heavy} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    assert set(seg.__all__) <= {name for name in seg.__all__ if hasattr(seg, name)}
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        seg.lod  # noqa: B018


@pytest.mark.parametrize("module", [api, ensemble, prediction])
def test_the_examples_run(
    module: ModuleType, models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text(
        "data: { predict: { images: '*.png' } }\nruntime: cpu\nmembers: [{ name: a, model: a.onnx }]\n"
    )
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
    assert os.fspath(models[0])
