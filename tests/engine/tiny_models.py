"""A tiny model, built by hand, whose probabilities depend on place and neighbourhood; a spec of two."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from seg.data.images.images import write_image
from seg.image_type import RGB8, ImageType
from seg.labels.classes import ClassInfo, default_colour
from seg.labels.task import Task, classes_overlap
from seg.models.card import CARD_KEY, InputCard, ModelCard
from seg.models.model_file import ONNX_PIXELS
from seg.models.temperature import TEMPERATURE
from seg.pixel_range import PixelRange

CLASSES = tuple(
    ClassInfo(id=number + 1, name=name, colour=default_colour(number))
    for number, name in enumerate(["ground", "paper", "glass", "metal"])
)

IMAGES = 7

MakeModel = Callable[..., Path]


def tiny_graph(
    seed: int,
    classes: int,
    image_type: ImageType = RGB8,
    most: float = 255,
    task: Task = "multiclass",
) -> onnx.ModelProto:
    """Convolution over the image, whose kernel is not symmetric, then softmax or sigmoid at temperature 1."""
    rng = np.random.default_rng(seed)
    kernel = rng.normal(0, 0.02 * 255 / most, (classes, image_type.bands, 5, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["nchw", "kernel"], ["logits"], pads=[2, 1, 2, 1]),
        helper.make_node("Div", ["logits", TEMPERATURE], ["tempered"]),
        helper.make_node("Sigmoid", ["tempered"], ["probabilities"])
        if classes_overlap(task)
        else helper.make_node("Softmax", ["tempered"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(
                "image", ONNX_PIXELS[image_type.pixels], ["N", "H", "W", image_type.bands]
            )
        ],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", classes, "H", "W"])],
        [
            numpy_helper.from_array(kernel, "kernel"),
            numpy_helper.from_array(np.array(1, dtype=np.float32), TEMPERATURE),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def tiny_card(name: str, classes: tuple[ClassInfo, ...] = CLASSES, task: Task = "multiclass") -> ModelCard:
    return ModelCard(
        name=name,
        architecture="unet",
        encoder="resnet18",
        task=task,
        classes=classes,
        unlabelled="ignore" if classes_overlap(task) else "ground",
        input=InputCard(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    )


def write_model(
    folder: Path, seed: int = 0, classes: tuple[ClassInfo, ...] = CLASSES, task: Task = "multiclass"
) -> Path:
    """Write a tiny model with a card into the folder."""
    path = folder / f"tiny-{seed}.onnx"
    model = tiny_graph(seed, len(classes), task=task)
    helper.set_model_props(model, {CARD_KEY: tiny_card(f"tiny-{seed}", classes, task).model_dump_json()})
    onnx.save(model, path)
    return path


def write_band_model(folder: Path, seed: int, image_type: ImageType, most: float = 10_000) -> Path:
    """Write a tiny model of bands with values up to `most` into the folder."""
    path = folder / f"bands-{seed}.onnx"
    model = tiny_graph(seed, len(CLASSES), image_type, most)
    card = tiny_card(f"bands-{seed}").model_copy(
        update={
            "input": InputCard(
                mean=(0.5,) * image_type.bands,
                std=(0.5,) * image_type.bands,
                pixels=image_type.pixels,
                bands=image_type.bands,
                pixel_range=PixelRange(range=(0, most)),
            )
        }
    )
    helper.set_model_props(model, {CARD_KEY: card.model_dump_json()})
    onnx.save(model, path)
    return path


def write_project(folder: Path, make_model: MakeModel) -> Path:
    """Write such a folder; all of them are equal."""
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        size_hw = (12, 9) if number % 2 else (8, 10)
        write_image(folder / f"images/{number}.png", rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8))
    coco = {"images": [], "categories": [{"id": c.id, "name": c.name} for c in CLASSES]}
    (folder / "train.json").write_text(json.dumps(coco))
    spec = {
        "data": {
            "train": {"images": "images", "annotations": "train.json"},
            "val": {"images": "images"},
            "unlabelled": "ground",
        },
        "members": [
            {"name": "a", "model": str(make_model(1))},
            {"name": "b", "model": str(make_model(2)), "weight": 2},
        ],
        "views": "d4",
        "runtime": "cpu",
    }
    (folder / "spec.yaml").write_text(json.dumps(spec))
    return folder / "spec.yaml"
