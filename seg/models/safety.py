"""Safety checks of an ONNX file from an untrusted source, before anything runs it.

A graph may need unknown operators, or name any file on the machine as its external weights. Both are refused
without reading any weights.
"""

import math
import stat
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING, Final

from seg.errors import ModelError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

LARGEST_MODEL_BYTES: Final = 2 * 2**30
"""The largest size of a protobuf message; larger models have external weights."""

LARGEST_WEIGHTS_BYTES: Final = 64 * 2**30
LARGEST_TENSOR_ELEMENTS: Final = 2**31
"""A tensor of fixed size with more elements would take 8 GiB for any image."""

STANDARD_DOMAINS: Final = frozenset({"", "ai.onnx"})
MAY_NOT_END: Final = frozenset({"Loop", "Scan"})
_KEY_OF_PLACE: Final = b"location"
"""Of the file with a tensor's weights, in `TensorProto.external_data`."""

_STARTS_OF_CHECKPOINTS: Final = (b"PK", b"\x80\x02", b"\x80\x04")
"""Of a zip, and of pickles."""

_SHAPE_INPUT: Final = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1}


def load_safe_onnx(path: Path) -> "ModelProto":
    """Parse an ONNX file without its external weights, and refuse unsafe ones.

    Raises:
        ModelError: the file is missing, too large, not ONNX, needs a newer ONNX or non-standard operators, or
            has external weights anywhere but in a file beside it.
    """
    model = _parse_onnx(path)
    try:
        _check_onnx_versions(path, model)
        _check_standard_operators(path, model)
        _check_tensor_sizes(path, model)
        for tensor in _tensors_of_onnx(model):
            _check_external_place(path, tensor)
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: has names that are not UTF-8: it is damaged: export it again") from error
    return model


def may_have_external_weights(path: Path) -> bool:
    """Whether the key of their place is in the file, which takes no parsing; False if there is no file."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return content.find(_KEY_OF_PLACE) >= 0


def external_weights_beside(model: "ModelProto") -> frozenset[str]:
    """The names of the files with external weights beside the model."""
    return frozenset(
        _external_data(tensor)["location"] for tensor in _tensors_of_onnx(model) if _is_external(tensor)
    )


def _parse_onnx(path: Path) -> "ModelProto":
    import onnx
    from google.protobuf.message import DecodeError

    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{path}: is not a file: name an exported model")
        if status.st_size > LARGEST_MODEL_BYTES:
            raise ModelError(f"{path}: is larger than an ONNX file can be (2 GiB)")
        return onnx.load(path, load_external_data=False)
    except FileNotFoundError as error:
        raise ModelError(
            f"{path}: there is no such model: export it first: seg export; or correct its path"
        ) from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except DecodeError as error:
        if _is_torch_checkpoint(path):
            raise ModelError(
                f"{path}: is a checkpoint of PyTorch, not an ONNX file: name it with 'checkpoint'"
            ) from error
        raise ModelError(f"{path}: is not an ONNX file, or is damaged: export it again") from error


def _is_torch_checkpoint(path: Path) -> bool:
    """Whether a file is a zip or a pickle, as `torch.save` writes them, or is named like safetensors."""
    with path.open("rb") as file:
        return file.read(2) in _STARTS_OF_CHECKPOINTS or path.suffix == ".safetensors"


def _check_onnx_versions(path: Path, model: "ModelProto") -> None:
    import onnx

    opset = max(
        (entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS), default=0
    )
    for what, version, newest in (
        ("opset", opset, onnx.defs.onnx_opset_version()),
        ("ONNX format", model.ir_version, onnx.IR_VERSION),
    ):
        if version > newest:
            raise ModelError(f"{path}: has {what} {version}, this onnx knows up to {newest}: upgrade onnx")


def _check_standard_operators(path: Path, model: "ModelProto") -> None:
    for node in nodes_of_onnx(model):
        if node.domain not in STANDARD_DOMAINS:
            raise ModelError(
                f"{path}: needs the operator {f'{node.domain}.{node.op_type}'!r}, which is not of ONNX's"
                " standard: export it again with operators that are"
            )
        if node.op_type in MAY_NOT_END:
            raise ModelError(
                f"{path}: has a {node.op_type}, which may never end: export it again without loops"
            )


def _check_tensor_sizes(path: Path, model: "ModelProto") -> None:
    """Refuse a tensor of fixed size that is too large for memory."""
    from onnx import numpy_helper

    constants = {
        tensor.name: tensor for graph in _graphs_and_subgraphs(model) for tensor in graph.initializer
    }
    for node in nodes_of_onnx(model):
        if node.op_type == "Constant" and node.attribute and node.output:
            constants[node.output[0]] = node.attribute[0].t
    for node in nodes_of_onnx(model):
        position = _SHAPE_INPUT.get(node.op_type, len(node.input))
        tensor = constants.get(node.input[position]) if position < len(node.input) else None
        if tensor is None or _is_external(tensor) or tensor.data_type != tensor.INT64:
            continue
        elements = math.prod(abs(int(side)) for side in numpy_helper.to_array(tensor).ravel())
        if elements > LARGEST_TENSOR_ELEMENTS:
            raise ModelError(
                f"{path}: {node.op_type} {node.name!r} makes a tensor of {elements} numbers: seg export"
                " writes no such file"
            )


def _check_external_place(path: Path, tensor: "TensorProto") -> None:
    if not _is_external(tensor):
        return
    place = _external_data(tensor)
    location = place.get("location", "")
    beside = path.parent / location
    if not _is_plain_file_name(location) or len(place) != len(tensor.external_data):
        raise ModelError(
            f"{path}: keeps {tensor.name!r} in {location!r}, which is not a file beside it: such a file is"
            " not opened"
        )
    if beside.is_symlink() or not beside.is_file():
        kind = "is a link" if beside.is_symlink() else "is not there"
        raise ModelError(f"{path}: its weights {location!r} {kind}: copy both files together")
    _check_external_extent(path, tensor, beside, place)


def _is_plain_file_name(location: str) -> bool:
    printable = location.isprintable() and not set(location) & {"/", "\\", ":"}
    return printable and location not in {"", ".", ".."}


def _check_external_extent(path: Path, tensor: "TensorProto", beside: Path, place: dict[str, str]) -> None:
    size = beside.stat().st_size
    try:
        offset, length = int(place.get("offset", 0)), int(place.get("length", 0))
    except ValueError:
        offset = length = -1
    if size > LARGEST_WEIGHTS_BYTES or offset < 0 or length < 0 or offset + length > size:
        raise ModelError(
            f"{path}: {tensor.name!r} does not lie within {beside.name!r}, which has {size} bytes: copy both"
            " files together"
        )


def _is_external(tensor: "TensorProto") -> bool:
    # Some readers follow a location, whatever the tensor's data_location is.
    return tensor.data_location != tensor.DEFAULT or len(tensor.external_data) > 0


def _external_data(tensor: "TensorProto") -> dict[str, str]:
    return {entry.key: entry.value for entry in tensor.external_data}


def _tensors_of_onnx(model: "ModelProto") -> "Iterator[TensorProto]":
    for graph in _graphs_and_subgraphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in nodes_of_onnx(model):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def nodes_of_onnx(model: "ModelProto") -> "Iterator[NodeProto]":
    """All nodes, including those of subgraphs and functions."""
    for graph in _graphs_and_subgraphs(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def _graphs_and_subgraphs(model: "ModelProto") -> "Iterator[GraphProto]":
    """The main graph, and all subgraphs in attributes of its nodes and of functions."""
    waiting = [model.graph]
    nodes = [node for function in model.functions for node in function.node]
    while waiting or nodes:
        if waiting:
            graph = waiting.pop()
            yield graph
            nodes.extend(graph.node)
        else:
            for attribute in nodes.pop().attribute:
                waiting.extend((*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs))
