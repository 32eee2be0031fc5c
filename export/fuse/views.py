"""Views as nodes of a graph: of the images on their way in, and back of their probabilities."""

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto

from seg.export.fuse.builder import FusedGraph
from seg.models.model_file import INPUT
from seg.views import SYMMETRIES, ViewName

IMAGE_ROWS, IMAGE_COLUMNS, IMAGE_BANDS = 1, 2, 3
ANSWER_ROWS, ANSWER_COLUMNS = 2, 3


def cast_images(graph: FusedGraph) -> str:
    """The images as float32: TensorRT takes bytes at the door and nowhere else."""
    return graph.add("Cast", [INPUT], "views/identity", to=TensorProto.FLOAT)


def batch_views(graph: FusedGraph, images: str, views: Sequence[ViewName]) -> str:
    """Images in several views of one orientation, float32 `[views x N, H, W, B]`."""
    seen = [_add_view(graph, images, view) for view in views]
    return seen[0] if len(seen) == 1 else graph.add("Concat", seen, f"views/{'+'.join(views)}", axis=0)


def first_bands(graph: FusedGraph, images: str, bands: int, of: int) -> str:
    """The first bands of images `[N, H, W, of]`; the images themselves if they have no more."""
    if bands == of:
        return images
    start, end = (graph.constant(f"bands/{n}", np.array([n], dtype=np.int64)) for n in (0, bands))
    axis = graph.constant("bands/axis", np.array([IMAGE_BANDS], dtype=np.int64))
    return graph.add("Slice", [images, start, end, axis], f"{images}/bands_{bands}")


def restore_views(graph: FusedGraph, probabilities: str, views: Sequence[ViewName], scope: str) -> list[str]:
    """Probabilities `[views x N, C, H, W]`, float32, one by one and turned back to the image's own frame."""
    names = [f"{scope}/{view}" for view in views]
    each = (
        [probabilities] if len(views) == 1 else graph.split(probabilities, [f"{name}/seen" for name in names])
    )
    return [_restore_view(graph, *one) for one in zip(each, views, names, strict=True)]


def _add_view(graph: FusedGraph, images: str, view: ViewName) -> str:
    symmetry = SYMMETRIES[view]
    turned = images
    if symmetry.transposes:
        turned = graph.add("Transpose", [turned], "views/transpose", perm=[0, 2, 1, 3])
    flipped = (symmetry.flips_rows, IMAGE_ROWS), (symmetry.flips_columns, IMAGE_COLUMNS)
    return graph.flip(turned, [axis for flips, axis in flipped if flips], f"views/{view}")


def _restore_view(graph: FusedGraph, probabilities: str, view: ViewName, name: str) -> str:
    symmetry = SYMMETRIES[view]
    flipped = (symmetry.flips_rows, ANSWER_ROWS), (symmetry.flips_columns, ANSWER_COLUMNS)
    unflipped = graph.flip(probabilities, [axis for flips, axis in flipped if flips], f"{name}/unflipped")
    if not symmetry.transposes:
        return unflipped
    return graph.add("Transpose", [unflipped], f"{name}/upright", perm=[0, 1, 3, 2])
