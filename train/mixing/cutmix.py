"""CutMix: a box of each image and its labels is replaced by that of another image.

Source: Yun et al., "CutMix", 2019, section 3.1; for label maps French et al., "Semi-supervised semantic
segmentation needs strong, varied perturbations", 2020.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seg.train.mixing.mixed_batch import MixedBatch, mask_like_labels


def apply_cutmix(images: Tensor, labels: Tensor, rng: np.random.Generator) -> MixedBatch:
    """Replace a box of each image by that of the previous image in the batch."""
    height, width = labels.shape[1:3]
    inside = np.stack([_cutmix_box(height, width, rng) for _ in labels])
    inside_nhw = torch.from_numpy(inside).to(labels.device)
    return MixedBatch(
        torch.where(inside_nhw.unsqueeze(-1), images.roll(1, 0), images),
        ((torch.where(mask_like_labels(inside_nhw, labels), labels.roll(1, 0), labels), 1.0),),
    )


def _cutmix_box(height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A mask `[H, W]` of a box around a random pixel; its area, before clipping, is uniformly distributed."""
    side = np.sqrt(rng.random())
    return np.logical_and.outer(_cutmix_interval(height, side, rng), _cutmix_interval(width, side, rng))


def _cutmix_interval(length: int, side: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A mask of the positions within half a side of a random one."""
    within: NDArray[np.bool_] = np.abs(np.arange(length) - rng.integers(length)) <= side * length / 2
    return within
