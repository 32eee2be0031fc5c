"""Training and validation images as torch datasets."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.data import Dataset

from seg.labels import ImageHWC, LabelsHW
from seg.train.decoded import DecodedSplit
from seg.train.sampling import Draw

Sample = tuple[Tensor, Tensor]
"""An image uint8 `[H, W, 3]` and its labels uint8 `[H, W]`; in a batch, N of each."""

Augmentation = Callable[[ImageHWC, LabelsHW, int], tuple[ImageHWC, LabelsHW]]
"""Image, label map and seed in; the crop that the network is trained on out."""


class TrainSamples(Dataset[Sample]):
    """Augmented crops. A draw decides the image and all that is random about it."""

    def __init__(self, images: DecodedSplit, augmentation: Augmentation) -> None:
        self._images = images
        self._augmentation = augmentation

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, draw: Draw) -> Sample:
        index, seed = draw
        return _tensors(*self._augmentation(*self._images.read(index), seed))


class ValSamples(Dataset[Sample]):
    """Whole images with their label maps, unchanged."""

    def __init__(self, images: DecodedSplit) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Sample:
        return _tensors(*self._images.read(index))


def _tensors(image_hwc: ImageHWC, labels_hw: LabelsHW) -> Sample:
    return torch.from_numpy(image_hwc), torch.from_numpy(labels_hw)
