"""What happens to a training image before the network sees it.

An image is turned to a random one of the recipe's views, zoomed, cropped, and then changed by the
preset. Everything follows from one seed; labels are never interpolated, and pixels outside the image
have the ignore index.
"""

from typing import Any, Final

import albumentations as albu
import cv2
import numpy as np

from seg.labels import IGNORE_INDEX, ImageHWC, LabelsHW
from seg.spec.recipe import Augmentation, RecipeSpec
from seg.views import ViewSetName

_LARGEST_SEED: Final = 2**32


class Augment:
    """Image and label map in, the recipe's crop out: uint8 `[h, w, 3]` and uint8 `[h, w]`."""

    def __init__(self, recipe: RecipeSpec) -> None:
        self._compose = albu.Compose(
            [*_turn(recipe.train_views), *_zoom_and_crop(recipe), *_preset(recipe.augmentation)]
        )

    def __call__(self, image_hwc: ImageHWC, labels_hw: LabelsHW, seed: int) -> tuple[ImageHWC, LabelsHW]:
        self._compose.set_random_seed(seed % _LARGEST_SEED)
        changed = self._compose(image=image_hwc, mask=labels_hw)
        return np.ascontiguousarray(changed["image"]), np.ascontiguousarray(changed["mask"])


def _turn(views: ViewSetName) -> list[Any]:
    return {
        "none": [],
        "hflip": [albu.HorizontalFlip(p=0.5)],
        "flips": [albu.HorizontalFlip(p=0.5), albu.VerticalFlip(p=0.5)],
        "rot90": [albu.RandomRotate90(p=1.0)],
        "d4": [albu.D4(p=1.0)],
    }[views]


def _zoom_and_crop(recipe: RecipeSpec) -> list[Any]:
    height, width = recipe.crop
    smallest, largest = recipe.scale
    zoom = albu.RandomScale(
        scale_limit=(smallest - 1, largest - 1),
        interpolation=cv2.INTER_LINEAR,
        mask_interpolation=cv2.INTER_NEAREST,
        p=1.0,
    )
    pad = albu.PadIfNeeded(
        min_height=height,
        min_width=width,
        border_mode=cv2.BORDER_CONSTANT,
        fill=0,
        fill_mask=IGNORE_INDEX,
        position="random",
    )
    crop = albu.RandomCrop(height=height, width=width)
    return [pad, crop] if smallest == largest == 1 else [zoom, pad, crop]


def _preset(name: Augmentation) -> list[Any]:
    return {
        "none": [],
        "light": [
            albu.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2, p=0.5),
            albu.HueSaturationValue(hue_shift_limit=10, sat_shift_limit=20, val_shift_limit=10, p=0.5),
        ],
    }[name]
