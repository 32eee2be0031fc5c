"""Clean-up of an exported graph: simplify it, name nodes after modules, and drop the exporter's metadata."""

import ast
from collections import Counter
from typing import Final

import numpy as np
import onnx
import onnxslim

from seg.export.onnx_file.save import weight_bytes
from seg.models.safety import LARGEST_MODEL_BYTES
from seg.models.temperature import TEMPERATURE

_SCOPES: Final = "pkg.torch.onnx.name_scopes"
_WRAPPER_PREFIXES: Final = ("segmenter.network.network.", "segmenter.network.", "segmenter.", "network.")
"""Prefixes of wrapping modules; a node of `segmenter.network.encoder.bn1` is called `encoder.bn1/Conv`."""

_WRAPPERS: Final = ("segmenter.", "network.")


def clean_up_exported_graph(model: onnx.ModelProto, temperature: float) -> onnx.ModelProto:
    """Simplify the graph of an `ExportedModel`, and name its nodes after the network's modules.

    Args:
        model: as PyTorch exported it.
        temperature: the value that marks the temperature's initializer; it is set to 1.
    """
    model = clean_up_network_graph(model)
    _set_temperature_to_one(model, temperature)
    for axis, name in ((0, "N"), (2, "H"), (3, "W")):
        model.graph.output[0].type.tensor_type.shape.dim[axis].dim_param = name
    return model


def clean_up_network_graph(model: onnx.ModelProto) -> onnx.ModelProto:
    """Simplify a graph as PyTorch exported it, and name its nodes after the network's modules."""
    _name_after_modules(model)
    # The library infers shapes on one protobuf message, whose size is limited.
    if weight_bytes(model) < LARGEST_MODEL_BYTES:
        model = onnxslim.slim(model)
    _drop_metadata(model)
    return model


def _name_after_modules(model: onnx.ModelProto) -> None:
    used: Counter[str] = Counter()
    for node in model.graph.node:
        name = f"{_innermost_module_of(node)}/{node.op_type}"
        used[name] += 1
        node.name = name if used[name] == 1 else f"{name}_{used[name]}"


def _innermost_module_of(node: onnx.NodeProto) -> str:
    """The innermost module, from the exporter's list of enclosing modules."""
    scopes_entries = [entry.value for entry in node.metadata_props if entry.key == _SCOPES]
    scopes: list[str] = ast.literal_eval(scopes_entries[0])[:-1] if scopes_entries else []
    innermost = next((scope for scope in reversed(scopes) if scope.startswith(_WRAPPERS)), "")
    around = next((prefix for prefix in _WRAPPER_PREFIXES if f"{innermost}.".startswith(prefix)), "")
    return f"{innermost}.".removeprefix(around).rstrip(".") or "contract"


def _set_temperature_to_one(model: onnx.ModelProto, value: float) -> None:
    """Find the temperature's initializer by its value, rename it, and set it to 1."""
    found = [
        tensor
        for tensor in model.graph.initializer
        if not tensor.dims and onnx.numpy_helper.to_array(tensor) == np.float32(value)
    ]
    if len(found) != 1:
        raise TypeError(f"one initializer of {value} expected, got {len(found)}")
    old = found[0].name
    for node in model.graph.node:
        node.input[:] = [TEMPERATURE if name == old else name for name in node.input]
    found[0].CopyFrom(onnx.numpy_helper.from_array(np.array(1.0, dtype=np.float32), TEMPERATURE))


def _drop_metadata(model: onnx.ModelProto) -> None:
    """Drop the exporter's metadata."""
    for part in (*model.graph.node, *model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    del model.graph.value_info[:]
