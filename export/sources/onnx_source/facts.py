"""What an ONNX file says of its network: types and shapes, the last operator, class names in its metadata."""

import ast
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from seg.errors import ModelError
from seg.export.sources.declaration import InputType
from seg.export.sources.output_size import shows_whole_image
from seg.models.card import PrecisionName
from seg.spec.ensemble.imported import Layout, OutputKind

Shape = tuple[int | None, ...]
"""The sides of a tensor; None where a side is free."""

_INPUT_TYPES: Final[Mapping[int, InputType]] = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.UINT8: "uint8",
}
_WHOLE_NUMBERS: Final = frozenset(
    {TensorProto.UINT8, TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64}
)
_KIND_OF: Final[Mapping[str, OutputKind]] = {
    "Softmax": "probabilities",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "sigmoid",
    "ArgMax": "labels",
}
_KEEPS_KIND: Final = frozenset(
    {
        "Identity",
        "Cast",
        "Transpose",
        "Resize",
        "Squeeze",
        "Unsqueeze",
        "Reshape",
        "Slice",
        "DequantizeLinear",
    }
    | {"QuantizeLinear", "Upsample"}
)
_QUANTISING: Final = frozenset(
    {"QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger"}
)
_NAME_KEYS: Final = ("names", "classes", "class_names", "labels", "id2label")
_CHANNELS: Final = (1, 3)
_SUM_TOLERANCE: Final = 0.1


def only_input_of(path: Path, model: onnx.ModelProto) -> onnx.ValueInfoProto:
    """The network's only input; raises ModelError where it has none or several."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [one for one in model.graph.input if one.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(one.name for one in inputs) or "none"
        raise ModelError(f"{path}: has {len(inputs)} inputs ({names}), expected one image: export it again")
    return inputs[0]


def stated_shape_of(value: onnx.ValueInfoProto) -> Shape:
    """The shape that the graph states; empty if it states none."""
    return tuple(side.dim_value or None for side in value.type.tensor_type.shape.dim)


def only_output_of(path: Path, model: onnx.ModelProto, name: str | None) -> onnx.ValueInfoProto:
    """The output of that name; by default the only one that is an image.

    Raises:
        ModelError: there is no such output, or several; the message lists them.
    """
    outputs = list(model.graph.output)
    listed = ", ".join(f"{one.name} {_shape_text(stated_shape_of(one))}" for one in outputs)
    if name is not None:
        found = [one for one in outputs if one.name == name]
        if not found:
            raise ModelError(f"{path}: has no output {name!r}: outputs are {listed}")
        return found[0]
    images = [one for one in outputs if len(stated_shape_of(one)) in (0, 3, 4)]
    if not images:
        raise ModelError(f"{path}: none of its outputs is an image: {listed}: it predicts no class per pixel")
    if len(images) != 1:
        raise ModelError(
            f"{path}: has {len(images)} outputs that may be the prediction: name one of {listed} with"
            " 'output: { name: ... }'"
        )
    return images[0]


def facts_of_input(path: Path, value: onnx.ValueInfoProto, declared: Layout | None) -> dict[str, Any]:
    """The input's type, layout, channels and fixed size, as `SourceFacts` has them.

    Raises:
        ModelError: the input is not a batch of images, or its layout is not known.
    """
    shape, element = stated_shape_of(value), value.type.tensor_type.elem_type
    if element not in _INPUT_TYPES:
        raise ModelError(
            f"{path}: its input {value.name!r} is {TensorProto.DataType.Name(element).lower()}: images are"
            " float, float16 or uint8: export it again with one of these"
        )
    if len(shape) != 4:
        raise ModelError(
            f"{path}: its input {value.name!r} has the shape {_shape_text(shape)}, expected four axes: a"
            " batch of images"
        )
    possible: list[Layout] = []
    if shape[1] in _CHANNELS:
        possible.append("nchw")
    if shape[3] in _CHANNELS:
        possible.append("nhwc")
    layout = declared or (possible[0] if len(possible) == 1 else None)
    if layout is None:
        raise ModelError(
            f"{path}: the shape {_shape_text(shape)} of its input {value.name!r} does not say its layout: add"
            " 'input: { layout: nchw }' or nhwc"
        )
    channels, height, width = shape[1:] if layout == "nchw" else (shape[3], shape[1], shape[2])
    if channels is not None and channels not in _CHANNELS:
        raise ModelError(
            f"{path}: its input {value.name!r} has the shape {_shape_text(shape)}, which in {layout} has"
            f" {channels} channels, expected 1 or 3: correct 'input.layout'"
        )
    return {
        "dtype": _INPUT_TYPES[element],
        "input_layout": layout,
        "input_channels": channels or 3,
        "size_hw": (height, width) if height and width else None,
    }


def kind_of_output(model: onnx.ModelProto, value: onnx.ValueInfoProto) -> OutputKind | None:
    """The kind that the last operator says, behind those that only reshape; None if it says none.

    True and false are sigmoids that are 1 and 0.
    """
    if value.type.tensor_type.elem_type == TensorProto.BOOL:
        return "sigmoid"
    if value.type.tensor_type.elem_type in _WHOLE_NUMBERS:
        return "labels"
    made_by = {name: node for node in model.graph.node for name in node.output}
    node = made_by.get(value.name)
    while node is not None and node.op_type in _KEEPS_KIND:
        node = made_by.get(node.input[0])
    return _KIND_OF.get(node.op_type) if node is not None else None


def sums_to_one(output: NDArray[Any], class_axis: int) -> bool:
    """Whether the values of an output are probabilities over its classes, as int8 holds them at least."""
    return output.ndim == 4 and bool(np.abs(output.sum(axis=class_axis) - 1).max() <= _SUM_TOLERANCE)


def precision_of(model: onnx.ModelProto) -> PrecisionName:
    """The precision that the network computes in: int8 where it quantises, fp16 where weights are float16."""
    if any(node.op_type in _QUANTISING for node in model.graph.node):
        return "int8"
    types = Counter(tensor.data_type for tensor in model.graph.initializer)
    return "fp16" if types[TensorProto.FLOAT16] > types[TensorProto.FLOAT] else "fp32"


def layout_of_output(
    path: Path, shape: Sequence[int], size_hw: tuple[int, int], declared: Layout | None
) -> tuple[Layout, int]:
    """The layout and the channels of an output, from its shape for an input of that size.

    Raises:
        ModelError: it is no image, or the layout is not clear.
    """
    said = _shape_text(shape)
    if len(shape) == 3:
        shape = (shape[0], 1, *shape[1:])
    if len(shape) != 4:
        raise ModelError(f"{path}: its output has the shape {said}, expected an image")
    layouts: list[tuple[Layout, int, tuple[int, int]]] = [
        ("nchw", shape[1], (shape[2], shape[3])),
        ("nhwc", shape[3], (shape[1], shape[2])),
    ]
    possible = [one for one in layouts if shows_whole_image(one[2], size_hw)]
    returns = f"{path}: returns {said} for an image of {size_hw[0]}x{size_hw[1]}"
    if not possible:
        raise ModelError(
            f"{returns}, which is neither its size nor a fraction of it: it predicts no class per pixel, or"
            " lacks a border: export it again with padding"
        )
    if declared:
        possible = [one for one in possible if one[0] == declared]
        if not possible:
            raise ModelError(f"{returns}, which is not {declared}: correct 'output.layout'")
    if len(possible) > 1:  # Rounded sides may fit by chance.
        height, width = size_hw
        possible = [one for one in possible if one[2][0] * width == one[2][1] * height]
    if len(possible) != 1:
        raise ModelError(
            f"{path}: the shape {said} of its output does not say its layout: add"
            " 'output: { layout: nchw }' or nhwc"
        )
    return possible[0][:2]


def names_in_metadata(model: onnx.ModelProto) -> tuple[str, ...]:
    """Class names by channel, as a list or as numbers with names, written as JSON or in Python."""
    entries = {entry.key.lower(): entry.value for entry in model.metadata_props}
    for key in _NAME_KEYS:
        names = _class_names_of_literal(entries.get(key, ""))
        if names:
            return names
    return ()


def is_ultralytics(model: onnx.ModelProto) -> bool:
    """Whether the exporter of Ultralytics wrote it, whose networks all take RGB in 0..1."""
    return any(entry.key == "author" and entry.value == "Ultralytics" for entry in model.metadata_props)


def _class_names_of_literal(text: str) -> tuple[str, ...]:
    parsed: Any = None
    for parse in (json.loads, ast.literal_eval):
        try:
            parsed = parse(text)
            break
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    if isinstance(parsed, dict):
        try:
            numbered = {int(number): name for number, name in parsed.items()}
        except (TypeError, ValueError):
            return ()
        parsed = [numbered.get(number) for number in range(len(numbered))]
    if not isinstance(parsed, list | tuple) or not all(isinstance(name, str) and name for name in parsed):
        return ()
    return tuple(parsed) if len(set(parsed)) == len(parsed) else ()


def _shape_text(shape: Sequence[int | None]) -> str:
    return f"[{', '.join('?' if side is None else str(side) for side in shape)}]"
