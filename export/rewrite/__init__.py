"""Graph rewriting: equivalent graphs with fewer operations, by optimisations that no runtime does itself.

Every rewrite is exact except for rounding; the export verifies the result against the checkpoint.
"""

import onnx

from seg.export.rewrite.distribute_convolutions import distribute_convolutions
from seg.export.rewrite.editor import GraphEditor
from seg.export.rewrite.temperature import divide_by_temperature_before_resize
from seg.export.rewrite.tensor_shapes import shapes_by_running
from seg.export.rewrite.unstack_sums import unstack_sums

__all__ = ["rewrite_graph"]


def rewrite_graph(model: onnx.ModelProto) -> None:
    """Rewrite an exported graph in place; it is run once, and must fit into one protobuf message."""
    editor = GraphEditor.from_graph(model.graph)
    distribute_convolutions(editor, shapes_by_running(model))
    unstack_sums(editor)
    divide_by_temperature_before_resize(editor)
    editor.remove_unused()
