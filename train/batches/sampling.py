"""Sampling: which images an epoch draws, in which order, and which process gets them."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from seg.data.regions.region import Size
from seg.train.reproducibility.seeds import derive_seed
from seg.train.splits.class_counts import CountsNC


class CropDraw(NamedTuple):
    """The index of an image, the seed of its augmentation, and whether it is only cropped.

    With a `centre`, the crop is cut from what is around that pixel, else from the whole image.
    """

    image: int
    seed: int
    original: bool
    centre: Size | None = None


class EpochDraws(Protocol):
    """The draws of one epoch after another."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[CropDraw]: ...

    def set_epoch(self, epoch: int) -> None: ...


SharesN = NDArray[np.float64]
"""The probability of drawing each of N images; sums to 1."""


class EpochSampler(Sampler[CropDraw]):
    """`multiply` draws per image, whose order and seeds are determined by seed and epoch.

    Without `shares_n`, each image is drawn `multiply` times an epoch; if `multiply` is 2 or more, once
    without augmentation. With `shares_n`, draws are independent, and as many are unaugmented. `epoch` is the
    first epoch of training: workers ask for images before Lightning calls `set_epoch`.
    """

    def __init__(
        self, images: int, seed: int, epoch: int, shares_n: SharesN | None = None, multiply: int = 1
    ) -> None:
        self._images = images
        self._seed = seed
        self._epoch = epoch
        self._shares_n = shares_n
        self._multiply = multiply

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._images * self._multiply

    def __iter__(self) -> Iterator[CropDraw]:
        seed, epoch = self._seed, self._epoch
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(self))
        first_copies = order < self._images if self._multiply > 1 else np.zeros(len(self), np.bool_)
        drawn = (
            order % self._images
            if self._shares_n is None
            else rng.choice(self._images, size=len(self), p=self._shares_n)
        )
        return (
            CropDraw(int(index), derive_seed(seed, epoch, position), bool(original))
            for position, (index, original) in enumerate(zip(drawn, first_copies, strict=True))
        )


class DistributedSampler(Sampler[CropDraw]):
    """The draws of one of `world_size` processes: its part of every batch.

    All parts together are the batch that a single process would draw. An incomplete last batch is dropped.
    """

    def __init__(self, sampler: EpochDraws, batch_size: int, rank: int, world_size: int) -> None:
        self._sampler = sampler
        self._batch_size = batch_size
        self._part = batch_size // world_size
        self._first = rank * self._part

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self._sampler.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self._sampler) // self._batch_size * self._part

    def __iter__(self) -> Iterator[CropDraw]:
        mine = range(self._first, self._first + self._part)
        draws = (draw for position, draw in enumerate(self._sampler) if position % self._batch_size in mine)
        return islice(draws, len(self))


def counts_with_empty_images(counts_nc: CountsNC) -> CountsNC:
    """The counts with one column more, for images that show no class: they are drawn as those of a class."""
    return np.column_stack([counts_nc, (counts_nc == 0).all(1)])


def class_balanced_shares(counts_nc: CountsNC) -> SharesN:
    """Shares of class-balanced sampling: draw a class uniformly, then an image that has it.

    Classes that no image has are ignored. Source: Shen et al., "Relay Backpropagation", 2016, section 3.3.
    """
    has_nc = counts_nc > 0
    images_c = has_nc.sum(0)
    met = images_c > 0
    if not met.any():
        return np.full(len(has_nc), 1 / len(has_nc))
    shares_n: SharesN = (has_nc[:, met] / images_c[met]).mean(1)
    return shares_n
