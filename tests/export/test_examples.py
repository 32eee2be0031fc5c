"""Exporting and fusing from Python, without the command line."""

import doctest
import json
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import onnxruntime
import pytest

import seg
from seg.data.images.images import write_image, write_mask
from seg.export import export
from seg.export.fuse import fuse
from seg.export.precision import trial
from seg.spec.ensemble.from_models import spec_from_models
from tests.export.ensembles import write_ensemble
from tests.export.untrained import CLASSES, checkpoint, image

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint, a dataset of its classes, and two exported models."""
    folder = tmp_path_factory.mktemp("made")
    checkpoint(folder, "fpn")
    write_ensemble(folder)
    for number in range(2):
        write_image(folder / f"data/images/{number}.png", image(70, 100, number))
        labels_hw = np.random.default_rng(number).integers(0, len(CLASSES), (70, 100), dtype=np.uint8)
        write_mask(folder / f"data/masks/{number}.png", labels_hw)
    split = {"images": "images", "masks": "masks"}
    data = {"train": split, "val": split, "classes": [c.name for c in CLASSES]}
    (folder / "data/dataset.yaml").write_text(json.dumps(data))
    return folder


@pytest.mark.parametrize("module", [export, fuse, trial])
def test_the_examples_run(
    module: ModuleType, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made, tmp_path / "made")
    monkeypatch.chdir(tmp_path / "made")
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


def test_a_fused_file_labels_as_the_loaded_ensemble(made: Path, tmp_path: Path) -> None:
    models, options = (
        [made / "a.onnx", made / "b.onnx"],
        {"views": "hflip", "weights": [2, 1], "runtime": "cpu"},
    )
    spec = spec_from_models(models, **options)  # type: ignore[arg-type]
    seg.export.fuse_ensemble(spec, seg.export.FusionRequest("team"), tmp_path / "team.onnx", [image(40, 33)])
    session = onnxruntime.InferenceSession(tmp_path / "team.onnx", providers=["CPUExecutionProvider"])
    (labels_nhw,) = session.run(None, {"image": image(40, 33)[None]})
    np.testing.assert_array_equal(
        labels_nhw[0],
        seg.load(models, **options).predict(image(40, 33)).labels,  # type: ignore[arg-type]
    )
