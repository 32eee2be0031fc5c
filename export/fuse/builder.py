"""An ONNX graph under construction."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import helper, numpy_helper

CLASS_AXIS: Final = 1
INDEX_MIN: Final = np.iinfo(np.int64).min


class FusedGraph:
    """Nodes in the order in which they run, and the constants that they read.

    A node has the name of its output. What has been made under a name is not made a second time.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._made: set[str] = set()

    def add(self, operator: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """A node with one output."""
        if name not in self._made:
            self._append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def split(self, value: str, names: Sequence[str]) -> Sequence[str]:
        """Equal parts along the batch."""
        name = f"{value}/split"
        self._append(helper.make_node("Split", [value], names, name=name, axis=0, num_outputs=len(names)))
        return names

    def flip(self, value: str, axes: Sequence[int], name: str) -> str:
        """The value, backwards along some axes; itself where there are none."""
        if not axes:
            return value
        each = "_".join(map(str, axes))
        ends = {"from": -1, "to": INDEX_MIN, "step": -1}
        first, last, step = (
            self.constant(f"flip/{end}_{len(axes)}", np.full(len(axes), index, dtype=np.int64))
            for end, index in ends.items()
        )
        along = self.constant(f"flip/axes_{each}", np.array(axes, dtype=np.int64))
        return self.add("Slice", [value, first, last, along, step], name)

    def constant(self, name: str, value: ArrayLike) -> str:
        """A tensor that nodes read."""
        return self.keep(numpy_helper.from_array(np.asarray(value), name), name)

    def keep(self, tensor: onnx.TensorProto, name: str) -> str:
        """A tensor as it is, under another name."""
        if name not in self.constants:
            self.constants[name] = onnx.TensorProto()
            self.constants[name].CopyFrom(tensor)
            self.constants[name].name = name
        return name

    def extend(self, nodes: Sequence[onnx.NodeProto]) -> None:
        """Nodes as they are."""
        for node in nodes:
            self._append(node)

    def _append(self, node: onnx.NodeProto) -> None:
        self.nodes.append(node)
        self._made.update(node.output)
