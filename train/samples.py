"""Training and validation images as torch datasets.

What epoch e draws is a function of seed, epoch and index alone: not of the number of workers, nor of
what was drawn before. That is what makes a resumed run equal to an uninterrupted one.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from seg.labels import ImageHWC, LabelsHW
from seg.train.decoded import DecodedSplit
from seg.train.seeds import seed_of

Sample = tuple[Tensor, Tensor]
"""An image uint8 `[H, W, 3]` and its labels uint8 `[H, W]`; in a batch, N of each."""

Draw = tuple[int, int]
"""An epoch and the index of an image."""

Augmentation = Callable[[ImageHWC, LabelsHW, int], tuple[ImageHWC, LabelsHW]]
"""Image, label map and seed in; the crop that the network is trained on out."""


class TrainSamples(Dataset[Sample]):
    """Augmented crops. An item is asked for by epoch and index."""

    def __init__(self, images: DecodedSplit, augmentation: Augmentation, seed: int) -> None:
        self._images = images
        self._augmentation = augmentation
        self._seed = seed

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, draw: Draw) -> Sample:
        epoch, index = draw
        seed = seed_of(self._seed, epoch, index)
        return _tensors(*self._augmentation(*self._images.read(index), seed))


class ValSamples(Dataset[Sample]):
    """Whole images with their label maps, unchanged."""

    def __init__(self, images: DecodedSplit) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Sample:
        return _tensors(*self._images.read(index))


class EpochSampler(Sampler[Draw]):
    """Every image once an epoch, in an order that follows from seed and epoch.

    `epoch` is the one that training begins with: workers ask for the first images before Lightning
    calls `set_epoch`.
    """

    def __init__(self, length: int, seed: int, epoch: int) -> None:
        self._length = length
        self._seed = seed
        self._epoch = epoch

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Draw]:
        epoch = self._epoch
        order = np.random.default_rng([self._seed, epoch]).permutation(self._length)
        return ((epoch, int(index)) for index in order)


def _tensors(image_hwc: ImageHWC, labels_hw: LabelsHW) -> Sample:
    return torch.from_numpy(image_hwc), torch.from_numpy(labels_hw)
