"""Training and validation images as torch datasets."""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from seg.labels import ImageHWC, LabelsHW
from seg.train.augment import Augment, CopyPaste
from seg.train.decoded import DecodedSplit
from seg.train.sampling import Draw

Sample = tuple[Tensor, Tensor]
"""An image uint8 `[H, W, 3]` and its labels uint8 `[H, W]`; in a batch, N of each."""


class TrainSamples(Dataset[Sample]):
    """Augmented crops. A draw decides the image and all that is random about it."""

    def __init__(self, images: DecodedSplit, augment: Augment, copy_paste: CopyPaste | None = None) -> None:
        self._images = images
        self._augment = augment
        self._copy_paste = copy_paste

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, draw: Draw) -> Sample:
        index, seed, original = draw
        crop = self._augment(*self._images.read(index), seed, original=original)
        if self._copy_paste and not original:
            crop = self._copy_paste(index, *crop, seed)
        return _tensors(*crop)

    def names_of_applied(self, draw: Draw) -> list[str]:
        """What happens to the image of a draw, beside the crop."""
        index, seed, original = draw
        names = self._augment.names_of_applied(*self._images.read(index), seed, original=original)
        pasted = self._copy_paste and not original and self._copy_paste.happens(seed)
        return [*names, "copy_paste"] if pasted else names


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
