"""An exported graph that answers where its decoder ends, before anything is brought to the image's size."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from seg.card import ModelCard
from seg.errors import ModelError
from seg.model_file import OUTPUT
from seg.model_safety import load_graph

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

CELLS: Final = (2, 4, 8)
"""The sides, in pixels, of the cells that a decoder may answer in."""

_BEHIND_THE_DECODER: Final = frozenset({"Softmax", "Div", "Cast", "Slice"})
_CORNER_TO_CORNER: Final = {"mode": b"linear", "coordinate_transformation_mode": b"align_corners"}
_INSTEAD: Final = "say merge_at: image"


@dataclass(frozen=True, slots=True)
class Decoder:
    """How a member's answer lies on the image that it was given.

    The image is padded, below and on the right, to multiples of `stride`. A value stands for `cell` x `cell`
    pixels of that; the outermost values lie on its outermost pixels. Where `cell` is 1 the answer has no
    padding, and is what it always is.
    """

    cell: int
    stride: int


class Bypass(NamedTuple):
    """A node to take out, by the names of what it makes and of what is read in its stead."""

    made: str
    read: str


class _Ending(NamedTuple):
    """What follows the decoder: an upsampling, if there is one, and the crops after it."""

    upsampling: "NodeProto | None"
    crops: "list[NodeProto]"


def decoder_of(model: Path, card: ModelCard) -> Decoder:
    """How an exported model answers once it is cut.

    Raises:
        ModelError: it is not one that can be cut.
    """
    if card.input.mode != "pad":
        raise ModelError(
            f"{model}: resizes images to its own size, so its decoder's grid is not that of other members:"
            f" {_INSTEAD}"
        )
    graph = load_graph(model)
    upsampling = _ending_of(graph).upsampling
    if upsampling is None:
        return Decoder(cell=1, stride=1)
    return Decoder(_cell_of(upsampling, graph, model), card.input.stride)


def cut_at_decoder(model: Path) -> bytes | None:
    """An exported model without what upsamples and crops its logits, or None where nothing upsamples them.

    It gives `probabilities`, float32 `[N, C, h, w]`, one for each cell of the padded image.
    """
    graph = load_graph(model)
    bypasses = _bypasses_of(graph)
    if not bypasses:
        return None
    for bypass in bypasses:
        _take(graph, bypass)
    # What was said of sizes no longer holds.
    del graph.graph.value_info[:]
    for dim in graph.graph.output[0].type.tensor_type.shape.dim[2:]:
        dim.Clear()
    content: bytes = graph.SerializeToString()
    return content


def bypasses_of(model: Path) -> "tuple[Bypass, ...]":
    """The nodes that the same cut takes out, the last first, for a runtime that cuts what it has read."""
    return _bypasses_of(load_graph(model))


def _bypasses_of(graph: "ModelProto") -> "tuple[Bypass, ...]":
    upsampling, crops = _ending_of(graph)
    if upsampling is None:
        return ()
    return tuple(Bypass(node.output[0], node.input[0]) for node in (*crops, upsampling))


def _ending_of(graph: "ModelProto") -> _Ending:
    makers = {name: node for node in graph.graph.node for name in node.output}
    crops = []
    node = makers.get(OUTPUT)
    while node is not None and node.op_type in _BEHIND_THE_DECODER:
        if node.op_type == "Slice":
            crops.append(node)
        node = makers.get(node.input[0])
    return _Ending(node if node is not None and node.op_type == "Resize" else None, crops)


def _cell_of(upsampling: "NodeProto", graph: "ModelProto", model: Path) -> int:
    from onnx import helper

    said: dict[str, Any] = {one.name: helper.get_attribute_value(one) for one in upsampling.attribute}
    if any(said.get(name) != value for name, value in _CORNER_TO_CORNER.items()):
        raise ModelError(f"{model}: upsamples its logits, but not linearly from corner to corner: {_INSTEAD}")
    scales = _scales_of(upsampling, graph)
    cell = next((cell for cell in CELLS if scales == (1, 1, cell, cell)), None)
    if cell is None:
        known = ", ".join(map(str, CELLS))
        raise ModelError(f"{model}: upsamples its logits by {scales}, and not by one of {known}: {_INSTEAD}")
    return cell


def _scales_of(upsampling: "NodeProto", graph: "ModelProto") -> tuple[float, ...]:
    from onnx import numpy_helper

    name = upsampling.input[2] if len(upsampling.input) > 2 else ""
    found = (numpy_helper.to_array(tensor) for tensor in graph.graph.initializer if tensor.name == name)
    return tuple(float(scale) for scale in next(found, ()))


def _take(graph: "ModelProto", bypass: Bypass) -> None:
    """Take a node out; whoever read what it made reads what it read."""
    for reader in graph.graph.node:
        for position, name in enumerate(reader.input):
            if name == bypass.made:
                reader.input[position] = bypass.read
    (node,) = [node for node in graph.graph.node if bypass.made in node.output]
    graph.graph.node.remove(node)
