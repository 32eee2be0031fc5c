"""An ONNX network within a graph under the contract of exported models: images in, probabilities out."""

from pathlib import Path
from typing import Final

import onnx
from onnx import TensorProto, compose, helper

from seg.export.fuse.builder import FusedGraph
from seg.export.onnx_file.opset import graph_in_opset, lower_opset, opset_of
from seg.export.sources.declaration import Declaration
from seg.export.sources.graph.epilogue import add_epilogue
from seg.export.sources.graph.prologue import add_prologue
from seg.export.sources.onnx_source.facts import only_input_of, only_output_of
from seg.models.model_file import INPUT, OUTPUT

OPSET: Final = 18
"""The oldest that the nodes around the network are written in."""

_SCOPE: Final = "network"


def wrap_network(
    model: onnx.ModelProto, declared: Declaration, path: Path, opset: int | None, *, has_channel_axis: bool
) -> onnx.ModelProto:
    """The network of the file `path` with all that is declared around it.

    Args:
        model: what is in the file.
        declared: how it is fed, and what it returns.
        path: the file.
        opset: the one to write, if one is asked for.
        has_channel_axis: whether it returns four axes, not three.

    Raises:
        ModelError: the network cannot be written in opset 18, or the result not in the one asked for.
    """
    network = model if opset_of(model) >= OPSET else graph_in_opset(model, OPSET, path)
    output = only_output_of(path, network, declared.output.name)
    graph = FusedGraph()
    fed, sizes = add_prologue(graph, declared.input)
    raw = _add_wrapped_network(graph, network, only_input_of(path, network).name, fed, output.name)
    add_epilogue(graph, raw, has_channel_axis, declared, sizes)
    shape: list[str | int] = ["N", len(declared.classes.ours), "H", "W"]
    whole = helper.make_graph(
        graph.nodes,
        path.stem,
        [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape)],
        list(graph.constants.values()),
    )
    wrapped = helper.make_model(
        whole,
        opset_imports=[helper.make_opsetid("", opset_of(network))],
        ir_version=network.ir_version,
        producer_name="seg",
    )
    _drop_unused_nodes(wrapped)
    lower_opset(wrapped, opset)
    return wrapped


def _add_wrapped_network(
    graph: FusedGraph, network: onnx.ModelProto, source: str, fed: str, output: str
) -> str:
    """Add the network's nodes under a scope of their own; return what it calls its output."""
    own = network.graph
    names = {source: fed}
    for tensor in own.initializer:
        names[tensor.name] = graph.keep(tensor, f"{_SCOPE}/{tensor.name}")
    copy = onnx.GraphProto(name=own.name, node=own.node)
    compose.add_prefix_graph(copy, f"{_SCOPE}/", inplace=True, name_map=names)
    graph.extend(_network_as_nodes_and_weights(graph, copy))
    return f"{_SCOPE}/{output}"


def _network_as_nodes_and_weights(graph: FusedGraph, network: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The network's nodes, each with a name of its own; its constants are kept as weights."""
    nodes: list[onnx.NodeProto] = []
    taken: set[str] = set()
    for position, node in enumerate(network.node):
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            graph.keep(node.attribute[0].t, node.output[0])
            continue
        if not node.name.removeprefix(f"{_SCOPE}/") or node.name in taken:
            node.name = f"{_SCOPE}/{node.op_type}_{position}"
        taken.add(node.name)
        nodes.append(node)
    return nodes


def _drop_unused_nodes(model: onnx.ModelProto) -> None:
    """Remove nodes and weights that the output does not need, such as those of other outputs."""
    needed = {OUTPUT}
    kept: list[onnx.NodeProto] = []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(_tensors_read_by_node(node))
    weights = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(reversed(kept))
    model.graph.initializer.extend(weights)


def _tensors_read_by_node(node: onnx.NodeProto) -> set[str]:
    """What a node reads, including what its subgraphs read."""
    graphs = [g for attribute in node.attribute for g in (attribute.g, *attribute.graphs)]
    return set(node.input).union(*(_tensors_read_by_node(inner) for graph in graphs for inner in graph.node))
