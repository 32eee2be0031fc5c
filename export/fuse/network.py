"""A member's exported graph as a part of a larger one."""

from onnx import GraphProto, compose

from seg.export.fuse.builder import FusedGraph
from seg.export.fuse.member_graphs import MemberGraph
from seg.models.model_file import INPUT, OUTPUT
from seg.models.temperature import TEMPERATURE


def add_network_of_member(graph: FusedGraph, member: MemberGraph, scope: str, images: str) -> str:
    """Add a copy of the member's graph that reads `images`; return what it calls its probabilities.

    Nodes and what they make are called `SCOPE/...`; the weights `MEMBER/...`, so that all copies
    share them, and members that are the same file, which may have temperatures of their own.
    """
    own = member.model.graph
    names = {INPUT: images}
    for tensor in own.initializer:
        owner = member.name if tensor.name == TEMPERATURE else member.weights
        names[tensor.name] = graph.keep(tensor, f"{owner}/{tensor.name}")
    copy = GraphProto(name=own.name, node=own.node, output=own.output)
    compose.add_prefix_graph(copy, f"{scope}/", inplace=True, name_map=names)
    graph.extend(copy.node)
    return f"{scope}/{OUTPUT}"
