"""The project that every case starts from: eight images with masks, two tiny models, a spec, a sweep."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from seg.data.images.images import write_image, write_mask
from seg.models.card import CARD_KEY
from tests.engine.tiny_models import CLASSES, tiny_card, tiny_graph

DATASET = """\
train: {images: images, masks: masks}
val: {images: images, masks: masks}
classes: [ground, paper, glass, metal]
"""

SPEC = """\
data: dataset.yaml
members:
- name: a
  model: a.onnx
- name: b
  model: b.onnx
  weight: 2
views: hflip
runtime: cpu
recipe:
  architecture: fpn
  encoder: resnet18
  crop: 64
"""

SWEEP = """\
data: dataset.yaml
recipe: {architecture: fpn, encoder: resnet18, epochs: 1, crop: 64}
grid:
  learning_rate: [0.001, 0.002]
"""

IMAGES = 8


def write_project(folder: Path) -> None:
    """Write `spec.yaml`, `dataset.yaml`, `sweep.yaml`, `images`, `masks`, `a.onnx` and `b.onnx`."""
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        size_hw = (24, 18) if number % 2 else (16, 20)
        write_image(folder / f"images/{number}.png", rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8))
        write_mask(folder / f"masks/{number}.png", rng.integers(0, 4, size_hw, dtype=np.uint8))
    for seed, name in enumerate("ab"):
        model = tiny_graph(seed, len(CLASSES))
        helper.set_model_props(model, {CARD_KEY: tiny_card(name, CLASSES).model_dump_json()})
        onnx.save(model, folder / f"{name}.onnx")
    (folder / "dataset.yaml").write_text(DATASET, encoding="utf-8")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    (folder / "sweep.yaml").write_text(SWEEP, encoding="utf-8")
