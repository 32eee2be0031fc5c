"""Which batches are mixed, and how."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from torch import Tensor

from seg.spec.mixing import MixSpec
from seg.train.mixing.cutmix import cutmix
from seg.train.mixing.gridmask import gridmask
from seg.train.mixing.mixed import Mixed
from seg.train.mixing.mixup import mixup

_WAYS: Final[Mapping[str, Callable[[Tensor, Tensor, np.random.Generator], Mixed]]] = {
    "cutmix": cutmix,
    "mixup": mixup,
    "gridmask": gridmask,
}
"""By the names of the fields of `MixSpec`."""


def mix(images: Tensor, labels: Tensor, spec: MixSpec, seed: int) -> Mixed:
    """Mix a batch, images uint8 `[N, H, W, 3]` and labels uint8 `[N, H, W]`, in at most one way.

    All that is random follows from the seed, on any device.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.random()
    for name, share in spec.shares.items():
        if drawn < share:
            return _WAYS[name](images, labels, rng)
        drawn -= share
    return Mixed(images, ((labels, 1.0),))
