"""Choose a mixing method for each batch by its seed, and apply it."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from torch import Tensor

from seg.spec.recipe.mixing import BatchMixSpec
from seg.train.mixing.cutmix import apply_cutmix
from seg.train.mixing.gridmask import apply_gridmask
from seg.train.mixing.mixed_batch import MixedBatch
from seg.train.mixing.mixup import apply_mixup
from seg.train.reproducibility.seeds import derive_seed

_METHODS: Final[Mapping[str, Callable[[Tensor, Tensor, np.random.Generator], MixedBatch]]] = {
    "cutmix": apply_cutmix,
    "mixup": apply_mixup,
    "gridmask": apply_gridmask,
}
"""By the names of the fields of `BatchMixSpec`."""

_MIXING_STREAM: Final = 2
"""Keeps the seeds of mixing apart from those of crops."""


def mixing_seed(seed: int, epoch: int, batch: int) -> int:
    """The seed for a batch, by its position in the epoch."""
    return derive_seed(seed, epoch, batch, _MIXING_STREAM)


def mix_batch(images: Tensor, labels: Tensor, spec: BatchMixSpec, seed: int) -> MixedBatch:
    """Mix a batch, images `[N, H, W, 3]` or of bands, and labels uint8 `[N, H, W]`, with at most one method.

    The result is determined by the seed, on any device.
    """
    rng = np.random.default_rng(seed)
    method = _draw_method(spec, rng)
    return _METHODS[method](images, labels, rng) if method else MixedBatch(images, ((labels, 1.0),))


def mixing_method(spec: BatchMixSpec, seed: int) -> str | None:
    """The method that `mix_batch` applies to a batch with this seed; None if it does not change the batch."""
    return _draw_method(spec, np.random.default_rng(seed))


def _draw_method(spec: BatchMixSpec, rng: np.random.Generator) -> str | None:
    drawn = rng.random()
    for name, share in spec.shares.items():
        if drawn < share:
            return name
        drawn -= share
    return None
