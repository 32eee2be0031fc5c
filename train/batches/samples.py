"""Training and validation images as torch datasets."""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from seg.labels import ImageHWC, LabelsHW
from seg.train.augment import Augment, CopyPaste
from seg.train.batches.sampling import Draw
from seg.train.splits.decoded_split import DecodedSplit

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
        return self.explained(draw)[0]

    def explained(self, draw: Draw) -> tuple[Sample, tuple[str, ...]]:
        """The crop of a draw, and what happened to it beside cropping."""
        index, seed, original = draw
        image_hwc, labels_hw, applied = self._augment.explained(
            *self._images.read(index), seed, original=original
        )
        if self._copy_paste and not original and self._copy_paste.happens(seed):
            image_hwc, labels_hw = self._copy_paste(index, image_hwc, labels_hw, seed)
            applied = (*applied, "copy_paste")
        return _tensors(image_hwc, labels_hw), applied


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
