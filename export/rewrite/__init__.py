"""The same function by fewer operations: what a network says in its modules and no runtime sees through.

Every rewriting is exact but for the rounding of floats; the export's verification holds the result to the
checkpoint.
"""

import onnx

from seg.export.rewrite.distribute_convolutions import distribute_convolutions
from seg.export.rewrite.editor import GraphEditor
from seg.export.rewrite.temperature import divide_where_logits_are_few
from seg.export.rewrite.tensor_shapes import watch
from seg.export.rewrite.unstack_sums import add_without_stacking

__all__ = ["rewrite"]


def rewrite(model: onnx.ModelProto) -> None:
    """Rewrite an exported graph in place; it is run on the way, and must fit into one message."""
    bench = GraphEditor.of(model.graph)
    distribute_convolutions(bench, watch(model))
    add_without_stacking(bench)
    divide_where_logits_are_few(bench)
    bench.sweep()
