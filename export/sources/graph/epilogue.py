"""From what a network returns to the probabilities of the dataset's classes, as nodes of a graph."""

from typing import Final

import numpy as np
from onnx import TensorProto

from seg.export.fuse.builder import CLASS_AXIS, FusedGraph
from seg.export.sources.declaration import ClassMapping, Declaration, OutputDeclaration
from seg.export.sources.graph.prologue import PrologueSizes, add_resize, add_tile_counts
from seg.models.model_file import OUTPUT
from seg.models.temperature import TEMPERATURE

LEAST_PROBABILITY: Final = 1e-7
"""Of the largest at its pixel. Its logarithm is finite, which a temperature divides."""

LEAST_LARGEST: Final = 1e-30
"""Where the largest is less, all classes are alike."""


def add_epilogue(
    graph: FusedGraph, raw: str, has_channel_axis: bool, declared: Declaration, sizes: PrologueSizes
) -> None:
    """Add the nodes that end in `probabilities`.

    Args:
        raw: what the network returns.
        has_channel_axis: whether that has four axes; what has one plane may have three.
        declared: what it is.
        sizes: as the prologue gave them.
    """
    planes = _add_output_planes(graph, raw, has_channel_axis, declared.output)
    planes = _resize_output_to_image(graph, planes, declared, sizes)
    to_logits = _add_epilogue_sigmoid_logits if declared.has_sigmoids else _add_epilogue_logits
    logits = to_logits(graph, planes, declared.output)
    graph.constant(TEMPERATURE, np.float32(1))
    tempered = graph.add("Div", [logits, TEMPERATURE], "output/tempered")
    if declared.has_sigmoids:
        _add_epilogue_overlapping_classes(graph, tempered, declared.classes)
    else:
        _add_epilogue_classes(graph, tempered, declared.classes)


def _add_output_planes(
    graph: FusedGraph, raw: str, has_channel_axis: bool, declared: OutputDeclaration
) -> str:
    """Float32 `[N, K, h, w]`; labels become one plane for each class."""
    if not has_channel_axis:
        axis = graph.constant("output/axis", np.array([CLASS_AXIS], dtype=np.int64))
        raw = graph.add("Unsqueeze", [raw, axis], "output/channel")
    elif declared.layout == "nhwc":
        raw = graph.add("Transpose", [raw], "output/nchw", perm=[0, 3, 1, 2])
    if declared.kind != "labels":
        return graph.add("Cast", [raw], "output/float", to=TensorProto.FLOAT)
    whole = graph.add("Cast", [raw], "output/labels", to=TensorProto.INT64)
    numbers = np.arange(declared.count, dtype=np.int64).reshape(1, -1, 1, 1)
    is_label = graph.add("Equal", [whole, graph.constant("output/numbers", numbers)], "output/is_label")
    return graph.add("Cast", [is_label], "output/planes", to=TensorProto.FLOAT)


def _resize_output_to_image(
    graph: FusedGraph, planes: str, declared: Declaration, sizes: PrologueSizes
) -> str:
    mode, size_hw, how = declared.input.mode, declared.input.size_hw, declared.output.resample
    if mode == "resize":
        return add_resize(graph, planes, sizes.image_hw, how, "output/resized")
    if mode == "tile" and size_hw:
        tile = graph.constant("tiles/size_hw", np.array(size_hw, dtype=np.int64))
        planes = _join_output_tiles(
            graph, add_resize(graph, planes, tile, how, "output/resized"), declared, size_hw, sizes
        )
    else:
        planes = add_resize(graph, planes, sizes.padded_hw, how, "output/resized")
    start = graph.constant("output/start", np.zeros(2, dtype=np.int64))
    axes = graph.constant("axes/2_3", np.array([2, 3], dtype=np.int64))
    return graph.add("Slice", [planes, start, sizes.image_hw, axes], "output/cropped")


def _join_output_tiles(
    graph: FusedGraph, planes: str, declared: Declaration, tile_hw: tuple[int, int], sizes: PrologueSizes
) -> str:
    rows, columns = add_tile_counts(graph, sizes.padded_hw, tile_hw)
    each = [
        graph.constant(f"tiles/side_{at}", np.array([side], dtype=np.int64))
        for at, side in enumerate(tile_hw)
    ]
    channels = graph.constant("tiles/channels", np.array([declared.output.count], dtype=np.int64))
    apart = graph.add("Concat", [sizes.batch, rows, columns, channels, *each], "output/tiles/apart", axis=0)
    grid = graph.add("Reshape", [planes, apart], "output/tiles/grid")
    turned = graph.add("Transpose", [grid], "output/tiles/turned", perm=[0, 3, 1, 4, 2, 5])
    whole = graph.add("Concat", [sizes.batch, channels, sizes.padded_hw], "output/tiles/shape", axis=0)
    return graph.add("Reshape", [turned, whole], "output/tiles/whole")


def _add_epilogue_logits(graph: FusedGraph, planes: str, declared: OutputDeclaration) -> str:
    """What a softmax turns into the probabilities of the network's classes."""
    if declared.kind == "logits":
        return planes
    if declared.kind == "sigmoid-logits":
        planes = _add_epilogue_sigmoid(graph, planes)
    zero, one = (graph.constant(f"output/{n}", np.float32(p)) for n, p in (("zero", 0), ("one", 1)))
    planes = graph.add("Clip", [planes, zero, one], "output/clipped")
    axis = graph.constant("output/axis", np.array([CLASS_AXIS], dtype=np.int64))
    largest = graph.add("ReduceMax", [planes, axis], "output/largest", keepdims=1)
    if declared.has_rest:
        rest = graph.add("Sub", [one, largest], "output/rest")
        planes = graph.add("Concat", [planes, rest], "output/with_rest", axis=CLASS_AXIS)
        largest = graph.add("Max", [largest, rest], "output/largest_with_rest")
    # Where a network of masks has none, all its scores are tiny, and the largest is still its label.
    least, least_largest = (
        graph.constant(f"output/{n}", np.float32(p))
        for n, p in (("least", LEAST_PROBABILITY), ("least_largest", LEAST_LARGEST))
    )
    divisor = graph.add("Max", [largest, least_largest], "output/divisor")
    scaled = graph.add("Div", [planes, divisor], "output/scaled")
    return graph.add("Log", [graph.add("Max", [scaled, least], "output/finite")], "output/log")


def _add_epilogue_sigmoid(graph: FusedGraph, logits: str) -> str:
    """1 / (1 + exp(-x)), as ONNX Runtime's own sigmoid is 0 below -18."""
    one = graph.constant("output/one", np.float32(1))
    raised = graph.add("Exp", [graph.add("Neg", [logits], "output/negative")], "output/raised")
    return graph.add("Div", [one, graph.add("Add", [raised, one], "output/raised_and_one")], "output/sigmoid")


def _add_epilogue_sigmoid_logits(graph: FusedGraph, planes: str, declared: OutputDeclaration) -> str:
    """What sigmoids turn into the probabilities of the network's classes."""
    if declared.kind == "sigmoid-logits":
        return planes
    one = graph.constant("output/one", np.float32(1))
    sides = {"for": planes, "against": graph.add("Sub", [one, planes], "output/absence")}
    least = graph.constant("output/least", np.float32(LEAST_PROBABILITY))
    clipped = {
        side: graph.add("Clip", [value, least, one], f"{value}/clipped") for side, value in sides.items()
    }
    logs = [graph.add("Log", [value], f"output/{side}/log") for side, value in clipped.items()]
    return graph.add("Sub", logs, "output/logits")


def _add_epilogue_overlapping_classes(graph: FusedGraph, logits: str, classes: ClassMapping) -> None:
    """The sigmoids of the network's classes, and of these the most probable of each of the dataset's."""
    if classes.is_identity:
        graph.add("Sigmoid", [logits], OUTPUT)
        return
    theirs = graph.add("Sigmoid", [logits], "output/theirs")
    if classes.order is not None:
        order = graph.constant("output/order", np.array(classes.order, dtype=np.int64))
        graph.add("Gather", [theirs, order], OUTPUT, axis=CLASS_AXIS)
        return
    axis = graph.constant("output/axis", np.array([CLASS_AXIS], dtype=np.int64))
    ours = []
    for label, parts in enumerate(classes.parts):
        # A class that the network does not know has no weight; any plane times 0 stands for it.
        channels = np.flatnonzero(parts) if any(parts) else np.zeros(1)
        chosen = graph.constant(f"output/channels_{label}", channels.astype(np.int64))
        planes = graph.add("Gather", [theirs, chosen], f"output/planes_{label}", axis=CLASS_AXIS)
        largest = graph.add("ReduceMax", [planes, axis], f"output/largest_{label}", keepdims=1)
        known = graph.constant(f"output/known_{label}", np.float32(any(parts)))
        ours.append(graph.add("Mul", [largest, known], f"output/ours_{label}"))
    graph.add("Concat", ours, OUTPUT, axis=CLASS_AXIS)


def _add_epilogue_classes(graph: FusedGraph, logits: str, classes: ClassMapping) -> None:
    """The softmax over the network's classes, and the dataset's classes made of them."""
    if classes.is_identity:
        graph.add("Softmax", [logits], OUTPUT, axis=CLASS_AXIS)
        return
    theirs = graph.add("Softmax", [logits], "output/theirs", axis=CLASS_AXIS)
    if classes.order is not None:
        order = graph.constant("output/order", np.array(classes.order, dtype=np.int64))
        graph.add("Gather", [theirs, order], OUTPUT, axis=CLASS_AXIS)
        return
    parts = np.array(classes.parts, dtype=np.float32)[:, :, None, None]
    sums = OUTPUT if not classes.renormalises else "output/ours"
    graph.add("Conv", [theirs, graph.constant("output/parts", parts)], sums)
    if classes.renormalises:
        axis = graph.constant("output/axis", np.array([CLASS_AXIS], dtype=np.int64))
        total = graph.add("ReduceSum", [sums, axis], "output/total", keepdims=1)
        graph.add("Div", [sums, total], OUTPUT)
