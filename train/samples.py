"""Training and validation images as torch datasets.

What epoch e draws is a function of seed, epoch and index alone: not of the number of workers, nor of
what was drawn before. That is what makes a resumed run equal to an uninterrupted one.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from seg.data import Split, read_image
from seg.errors import DataError
from seg.labels import ImageHWC, LabelsHW
from seg.train.augment import Augment

KEPT_BYTES: Final = 2 * 2**30
"""How many bytes of decoded images and label maps are kept in memory."""

Batch = tuple[Tensor, Tensor]
"""Images uint8 `[N, H, W, 3]` and labels int64 `[N, H, W]`."""

Draw = tuple[int, int]
"""An epoch and the index of an image."""


class DecodedSplit:
    """Images with their label maps, decoded once and kept while they fit into `KEPT_BYTES`."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self._kept: dict[int, tuple[ImageHWC, LabelsHW]] = {}
        self._room = KEPT_BYTES

    def __len__(self) -> int:
        return len(self._split.samples)

    def read(self, index: int) -> tuple[ImageHWC, LabelsHW]:
        """Raises DataError if image and label map differ in size."""
        if index in self._kept:
            return self._kept[index]
        path = self._split.samples[index].image
        image_hwc, labels_hw = read_image(path), self._split.labels(index)
        if image_hwc.shape[:2] != labels_hw.shape:
            raise DataError(
                f"{path}: has size {image_hwc.shape[:2]} and its labels {labels_hw.shape}"
                " (height, width): bring them to one size"
            )
        size = image_hwc.nbytes + labels_hw.nbytes
        if size <= self._room:
            self._room -= size
            self._kept[index] = (image_hwc, labels_hw)
        return image_hwc, labels_hw


class TrainSamples(Dataset[Batch]):
    """Augmented crops. An item is asked for by epoch and index."""

    def __init__(self, split: Split, augment: Augment, seed: int) -> None:
        self._images = DecodedSplit(split)
        self._augment = augment
        self._seed = seed

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, draw: Draw) -> Batch:
        epoch, index = draw
        own_seed = int(np.random.SeedSequence([self._seed, epoch, index]).generate_state(1)[0])
        image_hwc, labels_hw = self._augment(*self._images.read(index), own_seed)
        return torch.from_numpy(image_hwc), torch.from_numpy(labels_hw).long()


class EpochSampler(Sampler[Draw]):
    """Every image once an epoch, in an order that follows from seed and epoch."""

    def __init__(self, length: int, seed: int) -> None:
        self._length = length
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Draw]:
        order = np.random.default_rng([self._seed, self._epoch]).permutation(self._length)
        return ((self._epoch, int(index)) for index in order)


class ValSamples(Dataset[Batch]):
    """Whole images with their label maps, unchanged."""

    def __init__(self, split: Split) -> None:
        self._images = DecodedSplit(split)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Batch:
        image_hwc, labels_hw = self._images.read(index)
        return torch.from_numpy(image_hwc), torch.from_numpy(labels_hw).long()


def stacked_by_size(items: Sequence[Batch]) -> list[Batch]:
    """Images of a batch stacked with those of their own size, in the order they came."""
    by_size: dict[torch.Size, list[Batch]] = {}
    for item in items:
        by_size.setdefault(item[0].shape, []).append(item)
    return [
        (torch.stack([image for image, _ in group]), torch.stack([labels for _, labels in group]))
        for group in by_size.values()
    ]
