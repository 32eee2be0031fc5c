"""Tensors added up one by one, where the graph stacks them first to add along the stack."""

import onnx

from seg.export.rewrite.editor import GraphEditor, attributes_of, module_of


def add_without_stacking(bench: GraphEditor) -> None:
    """Replace every sum along the axis of a stack, which holds all of it at once, by a plain sum."""
    for node in bench.nodes("ReduceSum"):
        stack = bench.maker(node.input[0])
        if stack is None or stack.op_type != "Concat" or attributes_of(node).get("keepdims", 1):
            continue
        axis = attributes_of(stack)["axis"]
        layers = [bench.maker(name) for name in stack.input]
        if _axes(bench, node) == [axis] and all(_adds_axis(bench, layer, axis) for layer in layers):
            addends = [layer.input[0] for layer in layers if layer is not None]
            bench.replace(node, [bench.node(module_of(node), "Sum", addends)])


def _adds_axis(bench: GraphEditor, node: onnx.NodeProto | None, axis: int) -> bool:
    return node is not None and node.op_type == "Unsqueeze" and _axes(bench, node) == [axis]


def _axes(bench: GraphEditor, node: onnx.NodeProto) -> list[int] | None:
    axes = bench.constant(node.input[1]) if len(node.input) > 1 else None
    return None if axes is None else axes.tolist()
