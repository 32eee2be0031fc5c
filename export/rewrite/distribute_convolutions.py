"""Distribute convolutions over concatenations, sums and upsampling, if that takes fewer multiplications.

A convolution of a concatenation or a sum is the sum of convolutions of its operands, some of which are cheap.
Nearest-neighbour upsampling by 2 and a 3x3 convolution together are a transposed convolution with stride 2
and a 4x4 kernel, which takes 4 multiplications per pixel and channel instead of 9. A 1x1 convolution followed
by a 3x3 one is a 3x3 convolution of the fewer channels that the first reads.

Upsampling twice would need stride 4, for which runtimes have no int8 kernels, so it is not rewritten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from seg.export.rewrite.editor import GraphEditor, attributes_of_node, module_of_node
from seg.export.rewrite.tensor_shapes import Shapes

WORTH_IT: Final = 0.75
"""The largest share of the multiplications at which a rewrite pays; the added sums take time, too."""

_REPEATING: Final = {
    "mode": b"nearest",
    "coordinate_transformation_mode": b"asymmetric",
    "nearest_mode": b"floor",
}

Weight = NDArray[np.float32]
"""The weight of a convolution, float32 `[outputs, inputs, rows, columns]`."""


@dataclass(frozen=True, slots=True)
class _Operand:
    """An operand of a sum of convolutions: a tensor, optionally shifted per channel and upsampled by 2."""

    tensor: str
    weight: Weight
    is_upsampled: bool = False
    shift: Weight | None = None

    @property
    def cost(self) -> int:
        """Multiplications per pixel and output channel."""
        return (4 if self.is_upsampled else 9) * int(self.weight.shape[1])

    def convolution_nodes(self, editor: GraphEditor, scope: str, bias: str) -> list[onnx.NodeProto]:
        """The nodes that convolve this operand; the last makes the result, with a bias if one is named."""
        nodes: list[onnx.NodeProto] = []
        tensor = self.tensor
        if self.shift is not None:
            nodes.append(
                editor.make_node(
                    scope, "Add", [tensor, editor.add_constant(scope, self.shift.reshape(1, -1, 1, 1))]
                )
            )
            tensor = nodes[-1].output[0]
        if not self.is_upsampled:
            reads = [tensor, editor.add_constant(scope, self.weight), bias]
            return [*nodes, editor.make_node(scope, "Conv", reads, pads=[1] * 4)]
        reads = [tensor, editor.add_constant(scope, transposed_weight(self.weight)), bias]
        return [*nodes, editor.make_node(scope, "ConvTranspose", reads, pads=[1] * 4, strides=[2] * 2)]


def distribute_convolutions(editor: GraphEditor, shapes: Shapes) -> None:
    """Distribute every 3x3 convolution for which it takes fewer multiplications."""
    splitter = _Splitter(editor, shapes)
    for node in editor.nodes("Conv"):
        weight = editor.constant(node.input[1])
        if weight is not None and _keeps_size(node, weight, side=3):
            parts = splitter.parts_of(_Operand(node.input[0], weight))
            if len(parts) > 1 or parts[0].is_upsampled:
                editor.replace(node, _sum_nodes(editor, node, parts))


def transposed_weight(weight: Weight) -> Weight:
    """The weight `[inputs, outputs, 4, 4]` of the transposed convolution that does what repeating pixels
    and a convolution by a 3x3 `weight`, padded by 1, do after each other.

    Repeating is a transposed convolution, too, by ones; the kernel of both is that of the convolution, turned
    round as transposing does, convolved with them.
    """
    turned = weight.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    kernel = np.zeros((*turned.shape[:2], 4, 4), weight.dtype)
    for row in range(2):
        for column in range(2):
            kernel[:, :, row : row + 3, column : column + 3] += turned
    return kernel


@dataclass(frozen=True, slots=True)
class _Splitter:
    """Finds the operands that a tensor is composed of."""

    editor: GraphEditor
    shapes: Shapes

    def parts_of(self, whole: _Operand) -> list[_Operand]:
        """The operands if they take clearly fewer multiplications, else the whole tensor."""
        finer = self._finer(whole)
        cheaper = bool(finer) and sum(part.cost for part in finer) <= WORTH_IT * whole.cost
        return finer if cheaper else [whole]

    def _finer(self, whole: _Operand) -> list[_Operand]:
        producer = self.editor.producer(whole.tensor)
        if producer is None:
            return []
        match producer.op_type:
            case "Concat":
                return self._split_concat(whole, producer)
            case "Resize":
                return self._split_resize(whole, producer)
            case "Add":
                return self._split_add(whole, producer)
            case _:
                return []

    def _split_concat(self, whole: _Operand, producer: onnx.NodeProto) -> list[_Operand]:
        if attributes_of_node(producer)["axis"] != 1 or whole.shift is not None:
            return []
        ends = np.cumsum([self.shapes[name][0][1] for name in producer.input])[:-1]
        weights = np.split(whole.weight, ends, axis=1)
        parts = [
            _Operand(name, weight, whole.is_upsampled)
            for name, weight in zip(producer.input, weights, strict=True)
        ]
        return [finer for part in parts for finer in self.parts_of(part)]

    def _split_resize(self, whole: _Operand, producer: onnx.NodeProto) -> list[_Operand]:
        facts, source = attributes_of_node(producer), producer.input[0]
        pairs = zip(self.shapes[source], self.shapes[whole.tensor], strict=True)
        doubles = all((2 * before[2], 2 * before[3]) == after[2:] for before, after in pairs)
        repeats = all(facts.get(name) == value for name, value in _REPEATING.items())
        if whole.is_upsampled or not doubles or not repeats:
            return []
        return self.parts_of(_Operand(source, whole.weight, is_upsampled=True, shift=whole.shift))

    def _split_add(self, whole: _Operand, producer: onnx.NodeProto) -> list[_Operand]:
        """Split a sum of which one side is a 1x1 convolution.

        Its bias must not be applied outside the image, where the 3x3 convolution is padded with zeros, so it
        is added to the other side as a shift.
        """
        for lateral, other in (producer.input, reversed(producer.input)):
            first = self.editor.producer(lateral)
            weight = self._pointwise_weight(first)
            if first is None or weight is None or self.shapes[lateral] != self.shapes[other]:
                continue
            both = np.einsum("omrc,mi->oirc", whole.weight, weight[:, :, 0, 0], dtype=np.float32)
            both = both.astype(whole.weight.dtype)
            shift = _add_shifts(whole.shift, self._bias(first))
            return [
                _Operand(first.input[0], both, whole.is_upsampled),
                *self.parts_of(_Operand(other, whole.weight, whole.is_upsampled, shift)),
            ]
        return []

    def _pointwise_weight(self, node: onnx.NodeProto | None) -> Weight | None:
        weight = None if node is None or node.op_type != "Conv" else self.editor.constant(node.input[1])
        is_pointwise = node is not None and weight is not None and _keeps_size(node, weight, side=1)
        return weight if is_pointwise else None

    def _bias(self, node: onnx.NodeProto) -> Weight | None:
        return self.editor.constant(node.input[2]) if len(node.input) > 2 else None


def _keeps_size(node: onnx.NodeProto, weight: Weight, side: int) -> bool:
    """Whether a convolution has a square kernel of that side, and its output has the size of its input."""
    facts = attributes_of_node(node)
    return (
        weight.shape[2:] == (side, side)
        and facts.get("group", 1) == 1
        and set(facts.get("pads", [0])) == {side // 2}
        and set(facts.get("strides", [1])) == {1}
        and set(facts.get("dilations", [1])) == {1}
    )


def _add_shifts(one: Weight | None, other: Weight | None) -> Weight | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _sum_nodes(editor: GraphEditor, conv: onnx.NodeProto, parts: Sequence[_Operand]) -> list[onnx.NodeProto]:
    """The nodes that add up the operands; upsampled ones come last, as runtimes fuse the sum into others."""
    scope = module_of_node(conv)
    bias = conv.input[2] if len(conv.input) > 2 else ""
    nodes: list[onnx.NodeProto] = []
    total = ""
    for part in sorted(parts, key=lambda part: part.is_upsampled):
        nodes += part.convolution_nodes(editor, scope, "" if total else bias)
        if total:
            nodes.append(editor.make_node(scope, "Add", [total, nodes[-1].output[0]]))
        total = nodes[-1].output[0]
    return nodes
