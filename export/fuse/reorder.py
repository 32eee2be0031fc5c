"""A member's graph with its classes in the dataset's order."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from seg.export.fuse.builder import CLASS_AXIS
from seg.models.class_order import Channels
from seg.models.model_file import OUTPUT

_OWN_ORDER = f"{OUTPUT}/own_order"
_CHANNELS = f"{OUTPUT}/channels"


def reorder_classes(model: onnx.ModelProto, channels: Channels) -> None:
    """Let the graph end with a Gather of its channels, `channels[label]` for each label."""
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [_OWN_ORDER if name == OUTPUT else name for name in names]
    model.graph.initializer.append(numpy_helper.from_array(np.array(channels, dtype=np.int64), _CHANNELS))
    gather = helper.make_node("Gather", [_OWN_ORDER, _CHANNELS], [OUTPUT], name=f"{OUTPUT}/reorder")
    gather.attribute.append(helper.make_attribute("axis", CLASS_AXIS))
    model.graph.node.append(gather)
