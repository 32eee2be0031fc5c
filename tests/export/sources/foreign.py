"""Small ONNX files as other frameworks export them, and members of the classes sky, road and car."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from seg.data.labelling import labelling_of
from seg.export.sources.export_source import export_source
from seg.export.sources.onnx_source.open import OnnxSource
from seg.spec import DatasetSpec, ExportSpec, MemberSpec
from tests.export.tiny import image

NAMES = ("sky", "road", "car")
DATA = DatasetSpec.model_validate({"classes": list(NAMES)})
CLASSES = labelling_of(DATA).classes
TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def member(path: Path, **declared: Any) -> MemberSpec:
    return MemberSpec.model_validate({"name": "theirs", "onnx": path, **declared})


def kernel(outputs: int, inputs: int, side: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 1, (outputs, inputs, side, side)).astype(np.float32)


def write_foreign(
    path: Path,
    *,
    layout: str = "nchw",
    dtype: str = "float32",
    colours: int = 3,
    channels: int = 3,
    size_hw: tuple[int, int] | None = None,
    batch: int | None = None,
    stride: int = 1,
    ending: str = "",
    flat_labels: bool = False,
    int8: bool = False,
    second_output: bool = False,
    reshapes: bool = False,
    gain: float = 1.0,
    opset: int = 13,
    metadata: dict[str, str] | None = None,
) -> Path:
    """One convolution of the given stride, and an ending: none, Softmax, Sigmoid or ArgMax."""
    free = ("H", "W") if size_hw is None else size_hw
    first = "N" if batch is None else batch
    shape = [first, colours, *free] if layout == "nchw" else [first, *free, colours]
    weight = kernel(channels, colours, 3) * gain
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, Any] = {"weight": weight}
    value = "x"

    def add(operator: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{operator.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    if layout == "nhwc":
        value = add("Transpose", [value], perm=[0, 3, 1, 2])
    if dtype == "uint8":
        value = add("Cast", [value], to=TensorProto.FLOAT)
        value = add("Mul", [value, "small"])
        constants["small"] = np.float32(1 / 255)
    if dtype == "float16":
        constants["weight"] = weight.astype(np.float16)
    weight_name = "weight"
    if int8:
        constants |= {"scale": np.float32(0.05), "zero": np.int8(0)}
        value = add("DequantizeLinear", [add("QuantizeLinear", [value, "scale", "zero"]), "scale", "zero"])
    logits = add("Conv", [value, weight_name], pads=[1] * 4, strides=[stride] * 2)
    if reshapes:
        assert size_hw is not None
        constants["flat"] = np.array([batch or 1, channels, -1], dtype=np.int64)
        constants["image"] = np.array([batch or 1, channels, *size_hw], dtype=np.int64)
        logits = add("Reshape", [add("Reshape", [logits, "flat"]), "image"])
    result, element = logits, TYPES["float16" if dtype == "float16" else "float32"]
    if ending == "ArgMax":
        result, element = add("ArgMax", [logits], axis=1, keepdims=0 if flat_labels else 1), TensorProto.INT64
    elif ending == "Softmax":
        result = add("Softmax", [logits], axis=1)
    elif ending:
        result = add(ending, [logits])
    if layout == "nhwc" and not flat_labels:
        result = add("Transpose", [result], perm=[0, 2, 3, 1])
    nodes[-1].output[0] = "prediction"
    outputs = [helper.make_tensor_value_info("prediction", element, [None] * (3 if flat_labels else 4))]
    if second_output:
        nodes.append(helper.make_node("Neg", ["prediction"], ["auxiliary"]))
        outputs.insert(0, helper.make_tensor_value_info("auxiliary", element, [None] * 4))
    graph = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info("x", TYPES[dtype], shape)],
        outputs,
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


@dataclass
class Form:
    """How a file is made, and what its YAML declares."""

    made: Mapping[str, Any]
    input: Mapping[str, Any]
    output: Mapping[str, Any] = field(default_factory=dict)
    classes: Mapping[str, str] | None = None
    tolerance: float = 2e-5


def declared_member(path: Path, form: Form) -> MemberSpec:
    classes = {} if form.classes is None else {"classes": form.classes}
    return member(path, input=form.input, output=form.output, **classes)


def export(path: Path, form: Form) -> Path:
    one = declared_member(path, form)
    source = OnnxSource.open(path, one.input, one.output)
    images = [image(37, 45, seed) for seed in range(3)]
    target = path.parent / "model.onnx"
    export_source(one, source, target, CLASSES, DATA, images, ExportSpec())
    return target
