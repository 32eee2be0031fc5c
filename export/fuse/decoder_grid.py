"""Merging at the decoders' resolution, as nodes of a graph: `seg.engine.merging.decoder_grid` with arrays."""

import numpy as np

from seg.engine.runtimes.decoder_cut import GRID, Decoder
from seg.export.fuse.builder import FusedGraph
from seg.models.model_file import INPUT


def add_padding_to_grid(graph: FusedGraph, images: str) -> str:
    """Images `[N, H, W, B]` with their last row and column repeated up to multiples of the grid."""
    missing = graph.add(
        "Mod",
        [graph.add("Neg", [_add_size_of_images(graph)], "grid/less"), _grid_step_constant(graph)],
        "grid/missing",
    )
    none, before = (graph.constant(f"grid/none_{n}", np.zeros(n, dtype=np.int64)) for n in (1, 5))
    pads = graph.add("Concat", [before, missing, none], "grid/pads", axis=0)
    return graph.add("Pad", [images, pads], "grid/images", mode="edge")


def add_upsampling_from_decoder_grid(graph: FusedGraph, outputs: str, decoder: Decoder, name: str) -> str:
    """Decoder outputs for a padded image, interpolated at the image's pixels, `[N, C, H, W]`."""
    if decoder.upsampling > 1:
        scales = np.array([1, 1, decoder.upsampling, decoder.upsampling], dtype=np.float32)
        outputs = graph.add(
            "Resize",
            [outputs, "", graph.constant(f"grid/scales_{decoder.upsampling}", scales)],
            f"{name}/padded",
            mode="linear",
            coordinate_transformation_mode="align_corners",
        )
    start = graph.constant("grid/start", np.zeros(2, dtype=np.int64))
    axes = graph.constant("grid/axes", np.array([2, 3], dtype=np.int64))
    return graph.add("Slice", [outputs, start, _add_size_of_images(graph), axes], name)


def _add_size_of_images(graph: FusedGraph) -> str:
    """Height and width of the images, int64 `[2]`."""
    sides = graph.constant("grid/sides", np.array([1, 2], dtype=np.int64))
    return graph.add("Gather", [graph.add("Shape", [INPUT], "grid/shape"), sides], "grid/size", axis=0)


def _grid_step_constant(graph: FusedGraph) -> str:
    return graph.constant("grid/step", np.array([GRID], dtype=np.int64))
