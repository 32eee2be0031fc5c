"""Replace a ReduceSum over stacked tensors by a Sum of the tensors."""

import onnx

from seg.export.rewrite.editor import GraphEditor, attributes_of_node, module_of_node


def unstack_sums(editor: GraphEditor) -> None:
    """Replace every sum along the axis of a stack, which needs memory for the whole stack, by a plain sum."""
    for node in editor.nodes("ReduceSum"):
        stack = editor.producer(node.input[0])
        if stack is None or stack.op_type != "Concat" or attributes_of_node(node).get("keepdims", 1):
            continue
        axis = attributes_of_node(stack)["axis"]
        layers = [editor.producer(name) for name in stack.input]
        if _axes_of_sum(editor, node) == [axis] and all(
            _unsqueezes_axis(editor, layer, axis) for layer in layers
        ):
            addends = [layer.input[0] for layer in layers if layer is not None]
            editor.replace(node, [editor.make_node(module_of_node(node), "Sum", addends)])


def _unsqueezes_axis(editor: GraphEditor, node: onnx.NodeProto | None, axis: int) -> bool:
    return node is not None and node.op_type == "Unsqueeze" and _axes_of_sum(editor, node) == [axis]


def _axes_of_sum(editor: GraphEditor, node: onnx.NodeProto) -> list[int] | None:
    axes = editor.constant(node.input[1]) if len(node.input) > 1 else None
    return None if axes is None else axes.tolist()
