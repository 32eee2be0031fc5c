"""Images of classes that overlap, labelled by the first of two tiny models; most masks are empty."""

import csv
import json
from pathlib import Path

import numpy as np

from seg.data.images.images import write_image
from seg.data.tables.run_lengths import encode_run_lengths
from seg.engine import Ensemble
from seg.labels.classes import ClassInfo, default_colour
from seg.spec import load_ensemble
from tests.engine.tiny_models import MakeModel

NAMES = ("stain", "pits", "rust")
CLASSES = tuple(ClassInfo(id=n + 1, name=name, colour=default_colour(n)) for n, name in enumerate(NAMES))
IMAGES = 6
EMPTY = {("0", 0), ("0", 1), ("0", 2), ("1", 0), ("1", 2), ("2", 1), ("4", 2)}
"""Images and classes that are not in them."""


def write_overlapping_project(folder: Path, make_model: MakeModel) -> Path:
    """Write the images, their labels and a spec; returns the spec."""
    random = np.random.default_rng(0)
    for number in range(IMAGES):
        size_hw = (20, 24 + number)
        write_image(folder / f"images/{number}.png", random.integers(0, 256, (*size_hw, 3), dtype=np.uint8))
    labelled = {"images": "images", "labels": "labels.csv"}
    spec = {
        "data": {
            "task": "multilabel",
            "train": labelled,
            "val": labelled,
            "predict": labelled,
            "classes": [{"name": c.name, "id": c.id, "colour": list(c.colour)} for c in CLASSES],
        },
        "metric": "dice",
        "members": [
            {"name": name, "model": str(make_model(seed, CLASSES, "multilabel"))}
            for name, seed in (("a", 1), ("b", 2))
        ],
        "views": "hflip",
        "runtime": "cpu",
        "decision": {"threshold": 0.4, "classes": {"pits": {"threshold": 0.7, "least_area": 3}}},
    }
    path = folder / "team.yaml"
    path.write_text(json.dumps(spec))
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("ImageId", "ClassId", "EncodedPixels"))
        oracle = Ensemble.load(load_ensemble(path)).only(["a"]).with_views(("identity",))
        for number in range(IMAGES):
            masks_chw = oracle.predict(folder / f"images/{number}.png").probabilities > 0.5
            for c, mask_hw in enumerate(masks_chw):
                if (str(number), c) not in EMPTY:
                    writer.writerow((f"{number}.png", c + 1, encode_run_lengths(mask_hw, "columns", 1)))
    return path
