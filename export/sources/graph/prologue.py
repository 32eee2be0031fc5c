"""From images to what a network takes, as nodes of a graph."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from onnx import TensorProto

from seg.export.fuse.builder import FusedGraph
from seg.export.sources.declaration import InputDeclaration
from seg.models.model_file import INPUT

_TYPES: Final = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "uint8": TensorProto.UINT8,
}
_GREY: Final = (0.299, 0.587, 0.114)
RESIZE: Final[dict[str, dict[str, Any]]] = {
    "nearest": {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    },
    "bilinear": {"mode": "linear"},
    "bicubic": {"mode": "cubic"},
    "bilinear-antialias": {"mode": "linear", "antialias": 1, "exclude_outside": 1},
    "bicubic-antialias": {"mode": "cubic", "antialias": 1, "cubic_coeff_a": -0.5, "exclude_outside": 1},
}
"""The attributes of a Resize by its name in the YAML."""


@dataclass(frozen=True, slots=True)
class PrologueSizes:
    """Names of vectors with one or two sides, int64: of the images, and of them padded."""

    batch: str
    image_hw: str
    padded_hw: str


def add_prologue(graph: FusedGraph, declared: InputDeclaration) -> tuple[str, PrologueSizes]:
    """Add the nodes; return what the network takes, and the sizes."""
    values_nhwc = graph.add("Cast", [INPUT], "input/float", to=TensorProto.FLOAT)
    values = graph.add("Transpose", [values_nhwc], "input/nchw", perm=[0, 3, 1, 2])
    shape = graph.add("Shape", [values], "input/shape")
    batch = add_part_of_shape(graph, shape, [0], "input/batch")
    image_hw = add_part_of_shape(graph, shape, [2, 3], "input/image_hw")
    padded_hw = image_hw
    if declared.mode == "resize" and declared.size_hw:
        target = graph.constant("input/size_hw", np.array(declared.size_hw, dtype=np.int64))
        values = add_resize(graph, values, target, declared.resample, "input/resized")
    else:
        cell_hw = declared.size_hw if declared.mode == "tile" and declared.size_hw else (declared.stride,) * 2
        values, padded_hw = _add_prologue_padding(graph, values, image_hw, cell_hw)
    if declared.mode == "tile" and declared.size_hw:
        values = _add_prologue_tiles(graph, values, padded_hw, declared.size_hw)
    values = _add_prologue_input_type(
        graph,
        _add_prologue_scaling(graph, _add_prologue_channel_order(graph, values, declared), declared),
        declared,
    )
    if declared.layout == "nhwc":
        values = graph.add("Transpose", [values], "input/nhwc", perm=[0, 2, 3, 1])
    return values, PrologueSizes(batch, image_hw, padded_hw)


def add_part_of_shape(graph: FusedGraph, shape: str, axes: list[int], name: str) -> str:
    """Some sides of a shape, as a vector."""
    at = graph.constant(f"axes/{'_'.join(map(str, axes))}", np.array(axes, dtype=np.int64))
    return graph.add("Gather", [shape, at], name, axis=0)


def add_resize(graph: FusedGraph, values: str, size_hw: str, resample: str, name: str) -> str:
    """Planes `[N, K, h, w]` to another height and width."""
    shape = graph.add("Shape", [values], f"{name}/shape")
    kept = add_part_of_shape(graph, shape, [0, 1], f"{name}/kept")
    sizes = graph.add("Concat", [kept, size_hw], f"{name}/sizes", axis=0)
    return graph.add("Resize", [values, "", "", sizes], name, **RESIZE[resample])


def add_tile_counts(graph: FusedGraph, padded_hw: str, tile_hw: tuple[int, int]) -> tuple[str, str]:
    """The numbers of tiles below and beside each other, as vectors of one number."""
    tile = graph.constant("tiles/size_hw", np.array(tile_hw, dtype=np.int64))
    counts = graph.add("Div", [padded_hw, tile], "tiles/counts")
    rows, columns = (add_part_of_shape(graph, counts, [at], f"tiles/count_{at}") for at in (0, 1))
    return rows, columns


def _add_prologue_padding(
    graph: FusedGraph, values: str, image_hw: str, cell_hw: tuple[int, int]
) -> tuple[str, str]:
    """Repeat the last row and column until height and width are multiples of the cell's."""
    cell = graph.constant("pad/cell_hw", np.array(cell_hw, dtype=np.int64))
    less_one = graph.constant("pad/cell_less_one", np.array(cell_hw, dtype=np.int64) - 1)
    reached = graph.add("Add", [image_hw, less_one], "pad/reached")
    cells = graph.add("Div", [reached, cell], "pad/cells")
    padded_hw = graph.add("Mul", [cells, cell], "pad/padded_hw")
    added = graph.add("Sub", [padded_hw, image_hw], "pad/added")
    before = graph.constant("pad/before", np.zeros(6, dtype=np.int64))
    pads = graph.add("Concat", [before, added], "pad/pads", axis=0)
    return graph.add("Pad", [values, pads], "input/padded", mode="edge"), padded_hw


def _add_prologue_tiles(graph: FusedGraph, values: str, padded_hw: str, tile_hw: tuple[int, int]) -> str:
    """Cut into tiles, which become a batch, row by row."""
    rows, columns = add_tile_counts(graph, padded_hw, tile_hw)
    each = [
        graph.constant(f"tiles/side_{at}", np.array([side], dtype=np.int64))
        for at, side in enumerate(tile_hw)
    ]
    kept = graph.constant("tiles/images_colours", np.array([-1, 3], dtype=np.int64))
    apart = graph.add("Concat", [kept, rows, each[0], columns, each[1]], "tiles/apart", axis=0)
    grid = graph.add("Reshape", [values, apart], "tiles/grid")
    turned = graph.add("Transpose", [grid], "tiles/turned", perm=[0, 2, 4, 1, 3, 5])
    whole = graph.constant("tiles/shape", np.array([-1, 3, *tile_hw], dtype=np.int64))
    return graph.add("Reshape", [turned, whole], "tiles/batch")


def _add_prologue_channel_order(graph: FusedGraph, values: str, declared: InputDeclaration) -> str:
    if declared.channels == "bgr":
        order = graph.constant("input/bgr", np.array([2, 1, 0], dtype=np.int64))
        return graph.add("Gather", [values, order], "input/colours", axis=1)
    if declared.channels == "grey":
        kernel = graph.constant("input/grey", np.array(_GREY, dtype=np.float32).reshape(1, 3, 1, 1))
        return graph.add("Conv", [values, kernel], "input/colours")
    return values


def _add_prologue_scaling(graph: FusedGraph, values: str, declared: InputDeclaration) -> str:
    mean, std = (np.array(numbers, dtype=np.float64) for numbers in (declared.mean, declared.std))
    factor, offset = (numbers.reshape(-1, 1, 1) for numbers in (declared.scale / std, -mean / std))
    if (factor != 1).any():
        by = graph.constant("input/factor", factor.astype(np.float32))
        values = graph.add("Mul", [values, by], "input/scaled")
    if offset.any():
        by = graph.constant("input/offset", offset.astype(np.float32))
        values = graph.add("Add", [values, by], "input/normalised")
    return values


def _add_prologue_input_type(graph: FusedGraph, values: str, declared: InputDeclaration) -> str:
    if declared.dtype == "float32":
        return values
    if declared.dtype == "uint8":
        least, most = (
            graph.constant(f"input/{name}", np.float32(end)) for name, end in (("least", 0), ("most", 255))
        )
        rounded = graph.add("Round", [values], "input/rounded")
        values = graph.add("Clip", [rounded, least, most], "input/clipped")
    return graph.add("Cast", [values], f"input/{declared.dtype}", to=_TYPES[declared.dtype])
