"""Augmentation of training images: random views, scale, crop, transforms and copy-paste."""

from seg.train.augment.augment import Augment, check_augmentation
from seg.train.augment.copy_paste import CopyPaste, check_copy_paste, labels_to_paste

__all__ = ["Augment", "CopyPaste", "check_augmentation", "check_copy_paste", "labels_to_paste"]
