"""What happens to a training image before the network sees it."""

from seg.train.augment.augment import Augment, check_augmentation
from seg.train.augment.copy_paste import CopyPaste, check_copy_paste, labels_to_paste

__all__ = ["Augment", "CopyPaste", "check_augmentation", "check_copy_paste", "labels_to_paste"]
