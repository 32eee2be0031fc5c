"""The notebook, cell by cell, on a drawn dataset and two tiny models."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import seg
from seg.commands.app import app
from seg.data.images.images import read_image
from seg.data.sample import write_sample_dataset
from tests.engine.tiny_models import MakeModel

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples/predict.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def test_it_goes_from_models_and_images_to_a_submission(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_sample_dataset(tmp_path / "data", train=1, val=1, predict=3, size_hw=(32, 48))
    shutil.copytree(tmp_path / "data/predict", tmp_path / "images")
    Path("models").mkdir()
    for seed, name in enumerate("ab"):
        shutil.copy(make_model(seed), f"models/{name}.onnx")

    names: dict[str, Any] = {}
    for cell in CELLS:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), NOTEBOOK.name, "exec"), names)

    first = read_image(names["images"][0])
    found = seg.load(names["models"], views="d4", runtime="cpu").predict(first)
    np.testing.assert_array_equal(read_image(Path("overlay.png")), found.overlay(first))
    assert sum(names["pixels"]) == 3 * 32 * 48

    command = "ensemble models/a.onnx models/b.onnx --images images --views d4 --runtime cpu -o x.csv"
    CliRunner().invoke(app, command.split(), catch_exceptions=False)
    assert Path("submission.csv").read_bytes() == Path("x.csv").read_bytes()


def test_it_is_kept_without_output() -> None:
    code = [cell for cell in CELLS if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
