"""Convolutions distributed over what they read, where that takes fewer multiplications.

A convolution of a concatenation or a sum is the sum of convolutions of its parts, and some parts are cheap.
What was doubled by repeating pixels is convolved before that: both together are a transposed convolution with
stride 2 and 4x4 taps, which takes 4 multiplications for a pixel and channel instead of 9. A 1x1 convolution
and a 3x3 one are together a 3x3 one, of the fewer channels that the first reads.

Doubling twice would be a stride of 4, for which runtimes have no int8 kernels; it is left as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from seg.export.rewrite.editor import GraphEditor, attributes_of, module_of
from seg.export.rewrite.tensor_shapes import Shapes

WORTH_IT: Final = 0.75
"""The share of the multiplications that must be enough; the sums that are added take time, too."""

_REPEATING: Final = {
    "mode": b"nearest",
    "coordinate_transformation_mode": b"asymmetric",
    "nearest_mode": b"floor",
}

Weight = NDArray[np.float32]
"""Of a convolution, float32 `[outputs, inputs, rows, columns]`."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A tensor that is read after `shift`, one number a channel, was added, and perhaps it was doubled."""

    tensor: str
    weight: Weight
    is_doubled: bool = False
    shift: Weight | None = None

    @property
    def cost(self) -> int:
        """Multiplications for a pixel of each channel that comes out."""
        return (4 if self.is_doubled else 9) * int(self.weight.shape[1])

    def convolved(self, bench: GraphEditor, scope: str, bias: str) -> list[onnx.NodeProto]:
        """Nodes of which the last gives this part's share, with the bias if one is named."""
        nodes: list[onnx.NodeProto] = []
        tensor = self.tensor
        if self.shift is not None:
            nodes.append(
                bench.node(scope, "Add", [tensor, bench.keep(scope, self.shift.reshape(1, -1, 1, 1))])
            )
            tensor = nodes[-1].output[0]
        if not self.is_doubled:
            reads = [tensor, bench.keep(scope, self.weight), bias]
            return [*nodes, bench.node(scope, "Conv", reads, pads=[1] * 4)]
        reads = [tensor, bench.keep(scope, before_doubling(self.weight)), bias]
        return [*nodes, bench.node(scope, "ConvTranspose", reads, pads=[1] * 4, strides=[2] * 2)]


def distribute_convolutions(bench: GraphEditor, shapes: Shapes) -> None:
    """Distribute every 3x3 convolution for which it is worth it."""
    splitter = _Splitter(bench, shapes)
    for node in bench.nodes("Conv"):
        weight = bench.constant(node.input[1])
        if weight is not None and _gives_what_it_reads(node, weight, side=3):
            parts = splitter.parts_of(_Part(node.input[0], weight))
            if len(parts) > 1 or parts[0].is_doubled:
                bench.replace(node, _sum_of(bench, node, parts))


def before_doubling(weight: Weight) -> Weight:
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
    """Finds the parts that a tensor is made of."""

    bench: GraphEditor
    shapes: Shapes

    def parts_of(self, whole: _Part) -> list[_Part]:
        """Those that take the fewest multiplications by far, or the whole."""
        finer = self._finer(whole)
        cheaper = bool(finer) and sum(part.cost for part in finer) <= WORTH_IT * whole.cost
        return finer if cheaper else [whole]

    def _finer(self, whole: _Part) -> list[_Part]:
        maker = self.bench.maker(whole.tensor)
        if maker is None:
            return []
        match maker.op_type:
            case "Concat":
                return self._of_concatenation(whole, maker)
            case "Resize":
                return self._of_doubling(whole, maker)
            case "Add":
                return self._of_sum(whole, maker)
            case _:
                return []

    def _of_concatenation(self, whole: _Part, maker: onnx.NodeProto) -> list[_Part]:
        if attributes_of(maker)["axis"] != 1 or whole.shift is not None:
            return []
        ends = np.cumsum([self.shapes[name][0][1] for name in maker.input])[:-1]
        weights = np.split(whole.weight, ends, axis=1)
        parts = [
            _Part(name, weight, whole.is_doubled) for name, weight in zip(maker.input, weights, strict=True)
        ]
        return [finer for part in parts for finer in self.parts_of(part)]

    def _of_doubling(self, whole: _Part, maker: onnx.NodeProto) -> list[_Part]:
        facts, source = attributes_of(maker), maker.input[0]
        pairs = zip(self.shapes[source], self.shapes[whole.tensor], strict=True)
        doubles = all((2 * before[2], 2 * before[3]) == after[2:] for before, after in pairs)
        repeats = all(facts.get(name) == value for name, value in _REPEATING.items())
        if whole.is_doubled or not doubles or not repeats:
            return []
        return self.parts_of(_Part(source, whole.weight, is_doubled=True, shift=whole.shift))

    def _of_sum(self, whole: _Part, maker: onnx.NodeProto) -> list[_Part]:
        """Where one side is a 1x1 convolution.

        Its bias ends at the edge of the image, as a tensor does and a convolution's bias does not: so the
        other side takes it along.
        """
        for lateral, other in (maker.input, reversed(maker.input)):
            first = self.bench.maker(lateral)
            weight = self._pointwise_weight(first)
            if first is None or weight is None or self.shapes[lateral] != self.shapes[other]:
                continue
            both = np.einsum("omrc,mi->oirc", whole.weight, weight[:, :, 0, 0], dtype=np.float32)
            both = both.astype(whole.weight.dtype)
            shift = _sum_of_shifts(whole.shift, self._bias(first))
            return [
                _Part(first.input[0], both, whole.is_doubled),
                *self.parts_of(_Part(other, whole.weight, whole.is_doubled, shift)),
            ]
        return []

    def _pointwise_weight(self, node: onnx.NodeProto | None) -> Weight | None:
        weight = None if node is None or node.op_type != "Conv" else self.bench.constant(node.input[1])
        is_pointwise = node is not None and weight is not None and _gives_what_it_reads(node, weight, side=1)
        return weight if is_pointwise else None

    def _bias(self, node: onnx.NodeProto) -> Weight | None:
        return self.bench.constant(node.input[2]) if len(node.input) > 2 else None


def _gives_what_it_reads(node: onnx.NodeProto, weight: Weight, side: int) -> bool:
    """Whether it has so many taps on each side, and gives as many pixels as it reads."""
    facts = attributes_of(node)
    return (
        weight.shape[2:] == (side, side)
        and facts.get("group", 1) == 1
        and set(facts.get("pads", [0])) == {side // 2}
        and set(facts.get("strides", [1])) == {1}
        and set(facts.get("dilations", [1])) == {1}
    )


def _sum_of_shifts(one: Weight | None, other: Weight | None) -> Weight | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


def _sum_of(bench: GraphEditor, conv: onnx.NodeProto, parts: Sequence[_Part]) -> list[onnx.NodeProto]:
    """The parts' shares added up; what is not doubled comes first, as runtimes fuse the sum into that."""
    scope = module_of(conv)
    bias = conv.input[2] if len(conv.input) > 2 else ""
    nodes: list[onnx.NodeProto] = []
    total = ""
    for part in sorted(parts, key=lambda part: part.is_doubled):
        nodes += part.convolved(bench, scope, "" if total else bias)
        if total:
            nodes.append(bench.node(scope, "Add", [total, nodes[-1].output[0]]))
        total = nodes[-1].output[0]
    return nodes
