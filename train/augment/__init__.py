"""What happens to a training image before the network sees it."""

from seg.train.augment.augment import Augment, check_augmentation

__all__ = ["Augment", "check_augmentation"]
