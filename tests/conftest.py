"""Fixtures that tests of every package share."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from seg.labels.classes import ClassInfo
from seg.labels.task import Task
from tests.engine.tiny_models import CLASSES, MakeModel, write_model, write_project

# A busy machine is no defect.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _nothing_remembered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What `runtime: auto` finds out is kept for these tests only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images and weights, or a skip that says where it was looked for."""
    folder = Path(os.environ.get("SEG_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "camvid").is_dir():
        pytest.skip(f"no real images at {folder}: set SEG_SHARED_DATA to the folder that holds them")
    return folder


@pytest.fixture(scope="session")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> MakeModel:
    """Writes a tiny model with a card: `make_model(seed=0, classes=CLASSES, task="multiclass")`."""

    def make(seed: int = 0, classes: tuple[ClassInfo, ...] = CLASSES, task: Task = "multiclass") -> Path:
        return write_model(tmp_path_factory.mktemp("models"), seed, classes, task)

    return make


@pytest.fixture
def project(tmp_path: Path, make_model: MakeModel) -> Path:
    """A folder with images, a COCO file that names the classes, and a spec; returns the spec."""
    return write_project(tmp_path, make_model)
