"""A toy: 32x32 images whose colour tells the class, and a network small enough for a test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data.images.images import write_image, write_mask
from seg.labels.label_map import IGNORE_INDEX

SpecWriter = Callable[..., Path]

COLOURS = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200]])
CLASSES = ["red", "green", "blue"]
SIZES = {"train": ((32, 32), 10), "val": ((40, 36), 3)}

RECIPE = {
    "architecture": "linknet",
    "encoder": "tu-test_efficientnet",
    "epochs": 4,
    "batch_size": 4,
    "crop": 32,
    "learning_rate": 5.0e-3,
    "workers": 0,
}


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images and masks: blocks of a class's colour, with noise and an ignored rim."""
    folder = tmp_path_factory.mktemp("toy")
    rng = np.random.default_rng(0)
    for split, ((height, width), count) in SIZES.items():
        for number in range(count):
            blocks = rng.integers(0, len(CLASSES), size=(5, 5), dtype=np.uint8)
            labels_hw = np.kron(blocks, np.ones((8, 8), np.uint8))[:height, :width]
            image_hwc = COLOURS[labels_hw] + rng.integers(-30, 30, size=(height, width, 3))
            labels_hw[0] = IGNORE_INDEX
            write_image(folder / split / f"{number}.png", image_hwc.astype(np.uint8))
            write_mask(folder / f"{split}_masks" / f"{number}.png", labels_hw)
    return folder


@pytest.fixture(scope="session")
def toy_spec(toy_data: Path) -> SpecWriter:
    """Writes `<folder>/spec.yaml`: one member, `toy`, whose runs go to `<folder>/runs`."""

    def write(folder: Path, **recipe: Any) -> Path:
        splits = {s: {"images": str(toy_data / s), "masks": str(toy_data / f"{s}_masks")} for s in SIZES}
        document = {
            "data": {**splits, "classes": CLASSES},
            "recipe": RECIPE | recipe,
            "members": [{"name": "toy"}],
            "runs": "runs",
        }
        folder.mkdir(exist_ok=True)
        path = folder / "spec.yaml"
        YAML(typ="safe").dump(document, path)
        return path

    return write


@pytest.fixture(scope="session")
def exported_toy(toy_spec: SpecWriter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spec of one member, trained and exported."""
    path = toy_spec(tmp_path_factory.mktemp("exported_toy"), epochs=3, schedule="constant")
    for command in ("train", "export"):
        assert CliRunner().invoke(app, [command, str(path)], catch_exceptions=False).exit_code == 0
    return path
