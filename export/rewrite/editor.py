"""An editor for ONNX graphs: find producers and consumers of tensors, add and replace nodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper


@dataclass(frozen=True, slots=True)
class GraphEditor:
    """An ONNX graph and the names that it uses; the graph stays in topological order."""

    graph: onnx.GraphProto
    names: set[str]

    @classmethod
    def from_graph(cls, graph: onnx.GraphProto) -> Self:
        tensors = chain.from_iterable((node.name, *node.output) for node in graph.node)
        return cls(graph, {*tensors, *(tensor.name for tensor in graph.initializer)})

    def nodes(self, operator: str) -> list[onnx.NodeProto]:
        """All nodes of an operator, in the order of the graph."""
        return [node for node in self.graph.node if node.op_type == operator]

    def producer(self, tensor: str) -> onnx.NodeProto | None:
        """The node that makes a tensor; None if it is an input or a constant."""
        return next((node for node in self.graph.node if tensor in node.output), None)

    def consumers(self, tensor: str) -> list[onnx.NodeProto]:
        """The nodes that read a tensor."""
        return [node for node in self.graph.node if tensor in node.input]

    def constant(self, tensor: str) -> NDArray[Any] | None:
        """The value of an initializer; None if the tensor is not one."""
        found = next((one for one in self.graph.initializer if one.name == tensor), None)
        return None if found is None else numpy_helper.to_array(found)

    def add_constant(self, module: str, value: NDArray[Any]) -> str:
        """Add an array to the graph as an initializer; returns its name."""
        name = self._new_name(f"{module}/weight")
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def make_node(
        self, module: str, operator: str, reads: Sequence[str], **attributes: list[int]
    ) -> onnx.NodeProto:
        """Make a node of a module, without adding it to the graph; inputs with an empty name are dropped."""
        name = self._new_name(f"{module}/{operator}")
        made = helper.make_node(operator, [one for one in reads if one], [name], name=name)
        made.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        return made

    def replace(self, node: onnx.NodeProto, by: Sequence[onnx.NodeProto]) -> None:
        """Replace a node by others, the last of which takes over its outputs."""
        place = list(self.graph.node).index(node)
        by[-1].output[:] = node.output
        self.graph.node.remove(node)
        for offset, new in enumerate(by):
            self.graph.node.insert(place + offset, new)

    def remove_unused(self) -> None:
        """Remove nodes whose outputs are not used, and then unused initializers."""
        read = {output.name for output in self.graph.output}
        for node in reversed(list(self.graph.node)):
            if read.isdisjoint(node.output):
                self.graph.node.remove(node)
            else:
                read.update(node.input)
        for tensor in list(self.graph.initializer):
            if tensor.name not in read:
                self.graph.initializer.remove(tensor)

    def _new_name(self, request: str) -> str:
        numbered = chain([request], (f"{request}_{number}" for number in count(2)))
        name = next(name for name in numbered if name not in self.names)
        self.names.add(name)
        return name


def attributes_of_node(node: onnx.NodeProto) -> dict[str, Any]:
    """The attributes of a node."""
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def module_of_node(node: onnx.NodeProto) -> str:
    """The network's module that a node comes from: nodes are called `MODULE/OPERATOR`."""
    return node.name.rpartition("/")[0]
