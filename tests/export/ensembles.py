"""Ensembles of tiny models on disk, and what the engine says of an image."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from seg.data.images.images import write_image
from seg.export.onnx_file.save import save_onnx_model
from seg.spec import EnsembleSpec, load_ensemble
from tests.export.tiny import CARD, CLASSES, image, model, random_kernels


def write_ensemble(folder: Path, **said: Any) -> Path:
    """Two members of different input sizes and weights, and one that is not run; returns the spec's path."""
    for number in range(3):
        write_image(folder / f"images/{number}.png", image(30 + number, 43, seed=number))
    categories = [{"id": c.id, "name": c.name} for c in CLASSES]
    (folder / "train.json").write_text(json.dumps({"images": [], "categories": categories}))
    save_onnx_model(model(random_kernels(1)), CARD, folder / "a.onnx")
    save_onnx_model(model(random_kernels(2), size_hw=(20, 26)), CARD, folder / "b.onnx")
    spec = {
        "data": {
            "train": {"images": "images", "annotations": "train.json"},
            "val": {"images": "images"},
        },
        "members": [
            {"name": "a", "model": "a.onnx"},
            {"name": "b", "model": "b.onnx", "weight": 2},
            {"name": "idle", "model": "nowhere.onnx", "weight": 0},
        ],
        "views": "d4",
        "runtime": "cpu",
    }
    (folder / "team.yaml").write_text(json.dumps(spec | said))
    return folder / "team.yaml"


def random_stacking() -> dict[str, Any]:
    """Of the two members that run, in another order."""
    random = np.random.default_rng(0)
    size = (len(CLASSES), len(CLASSES))
    return {
        "classes": [info.name for info in CLASSES],
        "constants": random.normal(size=size[0]).tolist(),
        "matrices": {member: random.normal(0, 0.5, size).tolist() for member in "ba"},
    }


def ensemble(folder: Path, **said: Any) -> EnsembleSpec:
    return load_ensemble(write_ensemble(folder, **said))
