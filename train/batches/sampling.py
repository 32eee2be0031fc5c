"""Which images an epoch draws, and in which order."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from seg.train.reproducibility.seeds import seed_of
from seg.train.splits.class_counts import CountsNC


class Draw(NamedTuple):
    """The index of the image, the seed of its augmentation, and whether it is only cropped."""

    image: int
    seed: int
    original: bool


SharesN = NDArray[np.float64]
"""How often each of N images is drawn; sums to 1."""


class EpochSampler(Sampler[Draw]):
    """`multiply` draws for each image, whose order and seeds follow from seed and epoch.

    Without `shares_n` each image is drawn `multiply` times an epoch, from 2 on once as an original;
    with them each draw is independent, and as many are originals. `epoch` is the one that training
    begins with: workers ask for the first images before Lightning calls `set_epoch`.
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

    def __iter__(self) -> Iterator[Draw]:
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
            Draw(int(index), seed_of(seed, epoch, place), bool(original))
            for place, (index, original) in enumerate(zip(drawn, first_copies, strict=True))
        )


class DistributedSampler(Sampler[Draw]):
    """What one of `count` processes draws: its part of every batch that all make together.

    Each batch is what a single process would draw; an incomplete last one is left out.
    """

    def __init__(self, drawn: EpochSampler, batch_size: int, place: int, count: int) -> None:
        self._drawn = drawn
        self._batch_size = batch_size
        self._part = batch_size // count
        self._first = place * self._part

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self._drawn.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self._drawn) // self._batch_size * self._part

    def __iter__(self) -> Iterator[Draw]:
        mine = range(self._first, self._first + self._part)
        dealt = (draw for place, draw in enumerate(self._drawn) if place % self._batch_size in mine)
        return islice(dealt, len(self))


def class_balanced_shares(counts_nc: CountsNC) -> SharesN:
    """Shares under which each class is met equally often: a class first, then an image that has it.

    Classes that no image has are left out. Source: Shen et al., "Relay Backpropagation", 2016,
    section 3.3.
    """
    has_nc = counts_nc > 0
    images_c = has_nc.sum(0)
    met = images_c > 0
    if not met.any():
        return np.full(len(has_nc), 1 / len(has_nc))
    shares_n: SharesN = (has_nc[:, met] / images_c[met]).mean(1)
    return shares_n
