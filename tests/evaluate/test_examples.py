"""The public names of seg.evaluate: their examples run, and importing them loads nothing that is not used."""

import doctest
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import seg
from seg.engine.jobs.predict import run_ensemble
from seg.evaluate import compare, metrics, submission_scores
from seg.evaluate.metrics import calibration, confusion, segmentation
from seg.spec import load_ensemble
from tests.engine.tiny_models import MakeModel
from tests.evaluate.conftest import write_labelled_project


@pytest.mark.parametrize("module", [calibration, confusion, segmentation, compare, submission_scores])
def test_the_examples_run(
    module: ModuleType, make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load_ensemble(write_labelled_project(tmp_path, make_model))
    if module is submission_scores:
        run_ensemble(spec)
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("package", [seg, seg.evaluate, seg.export, metrics])
def test_all_public_names_are_there(package: ModuleType) -> None:
    assert all(hasattr(package, name) for name in package.__all__)
    assert dir(package) == sorted(package.__all__)
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'lod'"):
        package.lod  # noqa: B018


@pytest.mark.slow
def test_rooms_are_reached_from_seg_and_load_nothing_heavy() -> None:
    program = (
        "import sys, seg; seg.export.fuse, seg.evaluate.metrics; seg.evaluate.ConfusionMatrix;"
        "print(*(m for m in ('torch', 'onnxruntime', 'cv2') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
