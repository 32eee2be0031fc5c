"""Augmentation of an image and its labels: a random view, scale and crop, then the recipe's transforms.

Everything is determined by one seed. Labels are never interpolated, and pixels outside the image get the
ignore index.
"""

import random
from typing import Any, Final

import albumentations as albu
import cv2
import numpy as np

from seg.image_type import ImageHWB
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.models.card import InputCard
from seg.spec.base import SizeHW
from seg.spec.recipe.recipe import RecipeSpec
from seg.terminal.notices import notice
from seg.train.augment.build_transform import build_transform
from seg.train.augment.presets import PRESETS, colour_transforms_left_out, transforms_of_preset
from seg.train.augment.try_transform import try_transform
from seg.views import ViewSetName

_MAP_DIMS: Final = 2
"""Dimensions of a label map without channels."""

_CROPPING: Final = frozenset({"PadIfNeeded", "RandomCrop"})


class Augment:
    """Turns an image and its label map into the recipe's crop: uint8 `[h, w, 3]` and uint8 `[h, w]`.

    Images of bands are float32 in 0..1, `[h, w, channels]`, and get no transforms of colour. With `original`,
    an image is only cropped, at a random place. Labels may have channels, uint8 `[h, w, K]`; pixels outside
    the image get the ignore index in all of them.

    Raises:
        SpecError: as `check_augmentation`, but without trying the transforms.
    """

    def __init__(self, recipe: RecipeSpec, *, has_colour: bool = True) -> None:
        crop = _crop_transforms(recipe.crop)
        self._original = _compose_augmentation(crop)
        views, scale = _view_transforms(recipe.train_views), _scale_transforms(recipe.scale)
        steps = _step_transforms(recipe, has_colour=has_colour)
        self._transformed = _compose_augmentation([*views, *scale, *crop, *steps])

    def __call__(
        self, image_hwc: ImageHWB, labels_hw: LabelsHW, seed: int, *, original: bool = False
    ) -> tuple[ImageHWB, LabelsHW]:
        return self.with_transform_names(image_hwc, labels_hw, seed, original=original)[:2]

    def with_transform_names(
        self, image_hwc: ImageHWB, labels_hw: LabelsHW, seed: int, *, original: bool = False
    ) -> tuple[ImageHWB, LabelsHW, tuple[str, ...]]:
        """The crop, and the names of the applied transforms except cropping."""
        compose = self._original if original else self._transformed
        # With set_random_seed all transforms would draw the same numbers, and so be applied together.
        compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
        # OpenCV fills only the first of four channels, and sets the others to 0.
        outside = {"outside": np.zeros_like(labels_hw[..., 0])} if labels_hw.ndim > _MAP_DIMS else {}
        changed = compose(image=image_hwc, mask=labels_hw, **outside)
        applied = tuple(name for name, _ in changed["applied_transforms"] if name not in _CROPPING)
        labels_hw = np.ascontiguousarray(changed["mask"])
        if outside:
            labels_hw[changed["outside"] == IGNORE_INDEX] = IGNORE_INDEX
        return np.ascontiguousarray(changed["image"]), labels_hw, applied


def check_augmentation(recipe: RecipeSpec, input_card: InputCard | None = None) -> None:
    """Build each step of the recipe's augmentation, and try it on crops of the recipe's size.

    `input_card` is for images that are not RGB of 8 bits; a notice names the transforms that they do not get.

    Raises:
        SpecError: a transform, parameter or value is not allowed, or the transform changes sizes or label
            values, or is not reproducible; the message has the line of the YAML.
    """
    bands = None if input_card is None or input_card.pixel_range is None else input_card.channels
    for step in recipe.augmentation:
        if step.name not in PRESETS:
            try_transform(build_transform(step), step.place, recipe.crop, bands)
        elif bands is not None and colour_transforms_left_out(step.name):
            names = ", ".join(colour_transforms_left_out(step.name))
            notice(f"augmentation: {step.name}: left out, as images are not RGB of 8 bits: {names}")


def _compose_augmentation(transforms: list[Any]) -> Any:
    return albu.Compose(transforms, save_applied_params=True, additional_targets={"outside": "mask"})


def _view_transforms(views: ViewSetName) -> list[Any]:
    return {
        "none": [],
        "hflip": [albu.HorizontalFlip(p=0.5)],
        "flips": [albu.HorizontalFlip(p=0.5), albu.VerticalFlip(p=0.5)],
        "rot90": [albu.RandomRotate90(p=1.0)],
        "d4": [albu.D4(p=1.0)],
    }[views]


def _scale_transforms(scale: tuple[float, float]) -> list[Any]:
    smallest, largest = scale
    if smallest == largest == 1:
        return []
    return [
        albu.RandomScale(
            scale_limit=(smallest - 1, largest - 1),
            interpolation=cv2.INTER_LINEAR,
            mask_interpolation=cv2.INTER_NEAREST,
            p=1.0,
        )
    ]


def _crop_transforms(size_hw: SizeHW) -> list[Any]:
    height, width = size_hw
    pad = albu.PadIfNeeded(
        min_height=height,
        min_width=width,
        border_mode=cv2.BORDER_CONSTANT,
        fill=0,
        fill_mask=IGNORE_INDEX,
        position="random",
    )
    return [pad, albu.RandomCrop(height=height, width=width)]


def _step_transforms(recipe: RecipeSpec, *, has_colour: bool) -> list[Any]:
    return [
        transform
        for step in recipe.augmentation
        for transform in (
            transforms_of_preset(step.name, has_colour=has_colour)
            if step.name in PRESETS
            else [build_transform(step)]
        )
    ]
