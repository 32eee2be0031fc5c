"""A large image cut into tiles by a loop in PyTorch, as notebooks do it."""

from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.prediction.plain_loops import TorchLoop
from seg.engine.passes.tiles import lay_out_tiles
from seg.labels.label_map import ImageHWC, LabelsHW
from seg.spec.ensemble.prediction import TileSpec


def label_in_tiles(loop: TorchLoop, tile: TileSpec, batch: int, images: Sequence[ImageHWC]) -> list[LabelsHW]:
    """The tiles of each image in batches, and the sum of their probabilities on the device."""
    return [_label_one(loop, tile, batch, image_hwc) for image_hwc in images]


def _label_one(loop: TorchLoop, tile: TileSpec, batch: int, image_hwc: ImageHWC) -> LabelsHW:
    height, width = image_hwc.shape[:2]
    layout = lay_out_tiles((height, width), tile)
    tile_height, tile_width = layout.tile_hw
    corners = [(top, left) for top in layout.rows.starts for left in layout.columns.starts]
    total: torch.Tensor | None = None
    for start in range(0, len(corners), batch):
        some = corners[start : start + batch]
        tiles = np.stack([image_hwc[y : y + tile_height, x : x + tile_width] for y, x in some])
        levels = loop.probabilities(tiles)
        if total is None:
            total = torch.zeros(levels.shape[1], height, width, device=levels.device)
        for (y, x), answer in zip(some, levels, strict=True):
            total[:, y : y + tile_height, x : x + tile_width] += answer
    if total is None:
        raise ValueError("an image has no tiles")
    return total.argmax(0).cpu().numpy().astype(np.uint8)
