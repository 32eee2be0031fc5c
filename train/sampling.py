"""Which images an epoch draws, and in which order."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from seg.labels import LabelsHW
from seg.train.seeds import seed_of

Draw = tuple[int, int]
"""The index of an image, and the seed of its augmentation."""

SharesN = NDArray[np.float64]
"""How often each of N images is drawn; sums to 1."""


class EpochSampler(Sampler[Draw]):
    """As many draws as images, whose order and seeds follow from seed and epoch.

    Without `shares_n` each image is drawn once an epoch; with them each draw is independent. `epoch`
    is the one that training begins with: workers ask for the first images before Lightning calls
    `set_epoch`.
    """

    def __init__(self, images: int, seed: int, epoch: int, shares_n: SharesN | None = None) -> None:
        self._images = images
        self._seed = seed
        self._epoch = epoch
        self._shares_n = shares_n

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._images

    def __iter__(self) -> Iterator[Draw]:
        seed, epoch = self._seed, self._epoch
        rng = np.random.default_rng([seed, epoch])
        drawn = (
            rng.permutation(self._images)
            if self._shares_n is None
            else rng.choice(self._images, size=self._images, p=self._shares_n)
        )
        return ((int(index), seed_of(seed, epoch, place)) for place, index in enumerate(drawn))


def class_balanced_shares(labels: Iterable[LabelsHW], classes: int) -> SharesN:
    """Shares under which each class is met equally often: a class first, then an image that has it.

    Classes that no image has are left out. Source: Shen et al., "Relay Backpropagation", 2016,
    section 3.3.
    """
    has_nc = np.array([_has_class(labels_hw, classes) for labels_hw in labels])
    images_c = has_nc.sum(0)
    met = images_c > 0
    if not met.any():
        return np.full(len(has_nc), 1 / len(has_nc))
    shares_n: SharesN = (has_nc[:, met] / images_c[met]).mean(1)
    return shares_n


def _has_class(labels_hw: LabelsHW, classes: int) -> NDArray[np.bool_]:
    return np.bincount(labels_hw.ravel(), minlength=classes)[:classes] > 0
