"""Exported graphs cut at the end of the decoder: low-resolution probabilities, without upsampling."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from seg.errors import ModelError
from seg.models.card import ModelCard
from seg.models.model_file import OUTPUT
from seg.models.safety import load_safe_onnx

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

UPSAMPLINGS: Final = (2, 4, 8)
"""The factors of an upsampling that can be cut."""

GRID: Final = 32
"""Images are padded to multiples of it, so that no network pads them, and all views have the same grid."""

_AFTER_DECODER: Final = frozenset({"Softmax", "Sigmoid", "Div", "Cast", "Slice"})
_CORNER_TO_CORNER: Final = {"mode": b"linear", "coordinate_transformation_mode": b"align_corners"}
_ADVICE: Final = "set merge_at: image"


@dataclass(frozen=True, slots=True)
class Decoder:
    """The grid of a member's low-resolution probabilities.

    The image is padded, at the bottom and the right, to multiples of `stride`. A value stands for
    `upsampling` x `upsampling` pixels of the padded image; the outermost values lie on its outermost pixels.
    With an `upsampling` of 1 the output is that of the uncut graph, without padding.
    """

    upsampling: int
    stride: int

    def output_size_of(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """The rows and columns of the output for an image of that size."""
        height, width = ((side + -side % self.stride) // self.upsampling for side in size_hw)
        return height, width


class Bypass(NamedTuple):
    """A node to remove: the name of its output, and of the tensor that its readers read instead."""

    output: str
    input: str


class _DecoderEnding(NamedTuple):
    """The nodes after the decoder: the upsampling, if there is one, and the crops behind it."""

    upsampling: "NodeProto | None"
    crops: "list[NodeProto]"


def find_decoder(model: Path, card: ModelCard) -> Decoder:
    """The grid of an exported model's output once the model is cut.

    Raises:
        ModelError: the model cannot be cut.
    """
    if card.source is not None:
        raise ModelError(f"{model}: was trained elsewhere, so the end of its decoder is not known: {_ADVICE}")
    if card.input.mode != "pad":
        raise ModelError(
            f"{model}: resizes images to its own size, so its decoder's grid is not that of other members:"
            f" {_ADVICE}"
        )
    graph = load_safe_onnx(model)
    upsampling = _nodes_after_decoder(graph).upsampling
    if upsampling is None:
        return Decoder(upsampling=1, stride=1)
    stride = card.input.stride
    if GRID % stride:
        raise ModelError(
            f"{model}: pads images to multiples of {stride}, which do not divide {GRID}: {_ADVICE}"
        )
    return Decoder(_upsampling_of_decoder(upsampling, graph, model), stride)


def cut_at_decoder(model: Path) -> bytes | None:
    """An exported model without the upsampling and cropping of its logits, or None if it has no upsampling.

    Its output is `probabilities`, float32 `[N, C, h, w]`, one for each pixel of the decoder's grid.
    """
    graph = load_safe_onnx(model)
    bypasses = _bypasses_in_graph(graph)
    if not bypasses:
        return None
    for bypass in bypasses:
        _bypass_node(graph, bypass)
    # The recorded shapes no longer hold.
    del graph.graph.value_info[:]
    for dim in graph.graph.output[0].type.tensor_type.shape.dim[2:]:
        dim.Clear()
    content: bytes = graph.SerializeToString()
    return content


def bypasses_to_decoder(model: Path) -> "tuple[Bypass, ...]":
    """The nodes that the same cut removes, the last first, for a runtime that cuts a loaded model."""
    return _bypasses_in_graph(load_safe_onnx(model))


def _bypasses_in_graph(graph: "ModelProto") -> "tuple[Bypass, ...]":
    upsampling, crops = _nodes_after_decoder(graph)
    if upsampling is None:
        return ()
    return tuple(Bypass(node.output[0], node.input[0]) for node in (*crops, upsampling))


def _nodes_after_decoder(graph: "ModelProto") -> _DecoderEnding:
    makers = {name: node for node in graph.graph.node for name in node.output}
    crops = []
    node = makers.get(OUTPUT)
    while node is not None and node.op_type in _AFTER_DECODER:
        if node.op_type == "Slice":
            crops.append(node)
        node = makers.get(node.input[0])
    return _DecoderEnding(node if node is not None and node.op_type == "Resize" else None, crops)


def _upsampling_of_decoder(upsampling: "NodeProto", graph: "ModelProto", model: Path) -> int:
    from onnx import helper

    attributes: dict[str, Any] = {one.name: helper.get_attribute_value(one) for one in upsampling.attribute}
    if any(attributes.get(name) != value for name, value in _CORNER_TO_CORNER.items()):
        raise ModelError(f"{model}: upsamples its logits, but not linearly from corner to corner: {_ADVICE}")
    scales = _upsampling_scales(upsampling, graph)
    factor = next((factor for factor in UPSAMPLINGS if scales == (1, 1, factor, factor)), None)
    if factor is None:
        known = ", ".join(map(str, UPSAMPLINGS))
        raise ModelError(f"{model}: upsamples its logits by {scales}, and not by one of {known}: {_ADVICE}")
    return factor


def _upsampling_scales(upsampling: "NodeProto", graph: "ModelProto") -> tuple[float, ...]:
    from onnx import numpy_helper

    name = upsampling.input[2] if len(upsampling.input) > 2 else ""
    found = (numpy_helper.to_array(tensor) for tensor in graph.graph.initializer if tensor.name == name)
    return tuple(float(scale) for scale in next(found, ()))


def _bypass_node(graph: "ModelProto", bypass: Bypass) -> None:
    """Remove a node; readers of its output then read its input."""
    for reader in graph.graph.node:
        for position, name in enumerate(reader.input):
            if name == bypass.output:
                reader.input[position] = bypass.input
    (node,) = [node for node in graph.graph.node if bypass.output in node.output]
    graph.graph.node.remove(node)
