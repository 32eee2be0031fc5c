"""CutMix: a box of each image comes from another one, labels and all.

Source: Yun et al., "CutMix", 2019, section 3.1; for label maps French et al., "Semi-supervised semantic
segmentation needs strong, varied perturbations", 2020.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seg.train.mixing.mixed_batch import MixedBatch, mask_like_labels


def cutmix(images: Tensor, labels: Tensor, rng: np.random.Generator) -> MixedBatch:
    """Each image gets a box of the one before it in the batch."""
    height, width = labels.shape[1:3]
    inside = np.stack([_box(height, width, rng) for _ in labels])
    inside_nhw = torch.from_numpy(inside).to(labels.device)
    return MixedBatch(
        torch.where(inside_nhw.unsqueeze(-1), images.roll(1, 0), images),
        ((torch.where(mask_like_labels(inside_nhw, labels), labels.roll(1, 0), labels), 1.0),),
    )


def _box(height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """True in a box around any pixel, `[H, W]`; before the image cuts it off, all areas are as likely."""
    side = np.sqrt(rng.random())
    return np.logical_and.outer(_interval(height, side, rng), _interval(width, side, rng))


def _interval(length: int, side: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """True for the pixels within half a side of a random one."""
    within: NDArray[np.bool_] = np.abs(np.arange(length) - rng.integers(length)) <= side * length / 2
    return within
