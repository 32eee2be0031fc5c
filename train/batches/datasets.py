"""Torch datasets: augmented training crops, and whole validation images."""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from seg.image_type import ImageHWB
from seg.labels.label_map import LabelsHW
from seg.train.augment import Augment, CopyPaste
from seg.train.batches.sampling import CropDraw
from seg.train.splits.decoded_split import DecodedSplit
from seg.train.splits.training_images import TrainingImages

LabelledImage = tuple[Tensor, Tensor]
"""An image uint8 `[H, W, 3]`, or of bands in 0..1, and its labels.

Labels are uint8 `[H, W]`, or planes of classes that overlap `[H, W, C]`. A batch has N before.
"""


class TrainDataset(Dataset[LabelledImage]):
    """Augmented crops. A draw determines the image and everything that is random about its crop."""

    def __init__(self, images: TrainingImages, augment: Augment, copy_paste: CopyPaste | None = None) -> None:
        self._images = images
        self._augment = augment
        self._copy_paste = copy_paste

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, draw: CropDraw) -> LabelledImage:
        return self.with_transform_names(draw)[0]

    def with_transform_names(self, draw: CropDraw) -> tuple[LabelledImage, tuple[str, ...]]:
        """The crop of a draw, and the names of the transforms that were applied to it."""
        index, seed, original, centre = draw
        image_hwc, labels_hw, applied = self._augment.with_transform_names(
            *self._images.read_drawn(index, centre), seed, original=original
        )
        if self._copy_paste and not original and self._copy_paste.should_paste(seed):
            image_hwc, labels_hw = self._copy_paste(index, image_hwc, labels_hw, seed)
            applied = (*applied, "copy_paste")
        return _crop_tensors(image_hwc, labels_hw), applied


class ValDataset(Dataset[LabelledImage]):
    """Whole images with their label maps, unchanged."""

    def __init__(self, images: DecodedSplit) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> LabelledImage:
        return _crop_tensors(*self._images.read(index))


def _crop_tensors(image_hwc: ImageHWB, labels_hw: LabelsHW) -> LabelledImage:
    return torch.from_numpy(image_hwc), torch.from_numpy(labels_hw)
