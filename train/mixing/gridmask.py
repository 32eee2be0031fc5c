"""GridMask: a grid of squares is masked out of the image, and ignored in the labels.

Source: Chen et al., "GridMask Data Augmentation", 2020, section 3: squares of side (1 - r) d, d apart,
without their rotation.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seg.labels.label_map import IGNORE_INDEX
from seg.train.mixing.mixed_batch import MixedBatch, mask_like_labels

_KEPT: Final = 0.5
"""The r of the paper: a quarter of the image is hidden."""

_DISTANCES: Final = (96 / 224, 1.0)
"""The range of d, as a share of the shorter side; the paper's for ImageNet."""


def apply_gridmask(images: Tensor, labels: Tensor, rng: np.random.Generator) -> MixedBatch:
    """Mask squares of the images. Masked pixels are black, and ignored, as they may hide a whole object."""
    height, width = labels.shape[1:3]
    hidden = np.stack([_gridmask_squares(height, width, rng) for _ in labels])
    hidden_nhw = torch.from_numpy(hidden).to(labels.device)
    return MixedBatch(
        images.masked_fill(hidden_nhw.unsqueeze(-1), 0),
        ((labels.masked_fill(mask_like_labels(hidden_nhw, labels), IGNORE_INDEX), 1.0),),
    )


def _gridmask_squares(height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A mask of the squares, `[H, W]`."""
    distance = max(2, round(min(height, width) * rng.uniform(*_DISTANCES)))
    return np.logical_and.outer(
        _gridmask_stripes(height, distance, rng), _gridmask_stripes(width, distance, rng)
    )


def _gridmask_stripes(length: int, distance: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    return (np.arange(length) + rng.integers(distance)) % distance >= round(_KEPT * distance)
