"""MixUp: each image is blended with another one, and the loss uses the labels of both.

Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018.
"""

from typing import Final

import numpy as np
import torch
from torch import Tensor

from seg.train.mixing.mixed_batch import MixedBatch

_ALPHA: Final = 0.4
"""The largest value that the paper used for ImageNet: most blends are dominated by one image."""


def apply_mixup(images: Tensor, labels: Tensor, rng: np.random.Generator) -> MixedBatch:
    """Blend each image with the previous one in the batch.

    A pixel whose label is ignored in one label map still counts in the loss against the other.
    """
    share = float(rng.beta(_ALPHA, _ALPHA))
    blended = images.float().mul(share).add(images.roll(1, 0), alpha=1 - share)
    if images.dtype == torch.uint8:
        blended = blended.round().to(torch.uint8)
    return MixedBatch(blended, ((labels, share), (labels.roll(1, 0), 1 - share)))
