"""A small model of the contract, its card, images, and a runtime to answer with."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from seg.export.precision.measure import Predict
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC
from seg.models.card import InputCard, ModelCard
from seg.models.temperature import TEMPERATURE

RNG = np.random.default_rng(0)
CLASSES = tuple(ClassInfo(id=n, name=f"c{n}", colour=(n, n, n)) for n in range(3))
CARD = ModelCard(
    name="m",
    architecture="fpn",
    encoder="resnet18",
    classes=CLASSES,
    unlabelled="ignore",
    input=InputCard(mean=(0, 0, 0), std=(1, 1, 1)),
)
KERNELS = (
    RNG.normal(0, 1, (4, 3, 3, 3)).astype(np.float32),
    RNG.normal(0, 1, (3, 4, 3, 3)).astype(np.float32),
)


def image(height: int = 24, width: int = 31, seed: int = 0) -> ImageHWC:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def random_kernels(seed: int) -> tuple[NDArray[np.float32], ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(0, 1, kernel.shape).astype(np.float32) for kernel in KERNELS)


def model(
    kernels: tuple[NDArray[np.float32], ...] = KERNELS,
    gain: tuple[float, ...] = (1,) * 4,
    size_hw: tuple[int, int] | None = None,
    opset: int = 20,
) -> onnx.ModelProto:
    """The contract with two convolutions; `gain` multiplies the channels between them.

    With `size_hw`, images are resized to it, and the logits back.
    """
    before, after = ("mul", "answer") if size_hw else ("small", "logits")
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["nchw", "one"], [before]),
        helper.make_node("Conv", ["small", "k0"], ["a"], name="first", pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Mul", ["b", "gain"], ["c"]),
        helper.make_node("Conv", ["c", "k1"], [after], name="second", pads=[1] * 4),
        helper.make_node("Div", ["logits", TEMPERATURE], ["tempered"]),
        helper.make_node("Softmax", ["tempered"], ["probabilities"], axis=1),
    ]
    if size_hw is not None:
        nodes[3:3] = [
            helper.make_node("Shape", ["image"], ["own_size"], start=1, end=3),
            _resize(before, "size", "small"),
        ]
        nodes.insert(-2, _resize(after, "own_size", "logits"))
    weights: dict[str, NDArray[Any]] = {
        "one": np.array(1 / 255, np.float32),
        TEMPERATURE: np.array(1, np.float32),
        "gain": np.array(gain, np.float32).reshape(1, 4, 1, 1),
        "k0": kernels[0],
        "k1": kernels[1],
        **({"size": np.array(size_hw, np.int64)} if size_hw else {}),
    }
    graph = helper.make_graph(
        nodes,
        "m",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def _resize(value: str, size: str, name: str) -> onnx.NodeProto:
    return helper.make_node("Resize", [value, "", "", size], [name], axes=[2, 3], mode="linear")


def run(graph: onnx.ModelProto, images_nhwc: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"image": images_nhwc})[0])


def open_on_cpu(path: Path, _: str) -> Predict:
    graph = onnx.load(path)
    return lambda images_nhwc: run(graph, images_nhwc)
