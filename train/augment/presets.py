"""Augmentation presets: lists of albumentations transforms, from mild to heavy."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import albumentations as albu
import cv2

from seg.labels.label_map import IGNORE_INDEX

_OUTSIDE: Final = {"border_mode": cv2.BORDER_CONSTANT, "fill": 0, "fill_mask": IGNORE_INDEX}


def _none_preset() -> list[Any]:
    return []


def _light_preset() -> list[Any]:
    return [
        albu.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2, p=0.5),
        albu.HueSaturationValue(hue_shift_limit=10, sat_shift_limit=20, val_shift_limit=10, p=0.5),
    ]


def _notes_preset() -> list[Any]:
    """Without the flips and quarter turns of the set, which are `train_views: d4`."""
    return [
        albu.ElasticTransform(alpha=80, sigma=6, p=0.3, **_OUTSIDE),
        albu.OpticalDistortion(distort_limit=0.3, p=0.3, **_OUTSIDE),
        albu.MotionBlur(blur_limit=(3, 7), p=0.3),
    ]


def _heavy_preset() -> list[Any]:
    return [
        albu.Affine(rotate=(-15, 15), shear=(-8, 8), p=0.5, **_OUTSIDE),
        albu.OneOf(
            [
                albu.ElasticTransform(alpha=80, sigma=6, **_OUTSIDE),
                albu.OpticalDistortion(distort_limit=0.3, **_OUTSIDE),
                albu.GridDistortion(distort_limit=0.2, **_OUTSIDE),
            ],
            p=0.4,
        ),
        albu.OneOf(
            [
                albu.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2),
                albu.RandomGamma(gamma_limit=(70, 140)),
                albu.CLAHE(clip_limit=(1, 3)),
            ],
            p=0.6,
        ),
        albu.HueSaturationValue(hue_shift_limit=15, sat_shift_limit=30, val_shift_limit=10, p=0.5),
        albu.ToGray(p=0.05),
        albu.OneOf(
            [
                albu.MotionBlur(blur_limit=(3, 7)),
                albu.GaussianBlur(blur_limit=0, sigma_limit=(0.5, 1.5)),
                albu.Downscale(scale_range=(0.5, 0.8)),
            ],
            p=0.25,
        ),
        albu.OneOf(
            [
                albu.GaussNoise(std_range=(0.02, 0.06)),
                albu.ISONoise(intensity=(0.1, 0.3)),
                albu.ImageCompression(quality_range=(40, 90)),
            ],
            p=0.25,
        ),
        albu.CoarseDropout(
            num_holes_range=(1, 4),
            hole_height_range=(0.05, 0.15),
            hole_width_range=(0.05, 0.15),
            fill=0,
            fill_mask=IGNORE_INDEX,
            p=0.25,
        ),
    ]


PRESETS: Final[Mapping[str, Callable[[], list[Any]]]] = {
    "none": _none_preset,
    "light": _light_preset,
    "notes": _notes_preset,
    "heavy": _heavy_preset,
}

_OF_COLOUR: Final = frozenset({"HueSaturationValue", "ToGray", "CLAHE", "ISONoise", "ImageCompression"})
"""Transforms that only make sense of, or only work with, RGB of 8 bits."""


def transforms_of_preset(name: str, *, has_colour: bool) -> list[Any]:
    """The transforms of a preset; for images of bands without those that are of colour."""
    transforms = PRESETS[name]()
    return transforms if has_colour else list(_without_colour(transforms))


def colour_transforms_left_out(name: str) -> tuple[str, ...]:
    """The names of the preset's transforms that images of bands do not get."""
    return tuple(one for one in _names_of_transforms(PRESETS[name]()) if one in _OF_COLOUR)


def _without_colour(transforms: Sequence[Any]) -> Iterator[Any]:
    for transform in transforms:
        if isinstance(transform, albu.OneOf):
            kept = list(_without_colour(transform.transforms))
            if kept:
                yield albu.OneOf(kept, p=transform.p)
        elif type(transform).__name__ not in _OF_COLOUR:
            yield transform


def _names_of_transforms(transforms: Sequence[Any]) -> Iterator[str]:
    for transform in transforms:
        if isinstance(transform, albu.OneOf):
            yield from _names_of_transforms(transform.transforms)
        else:
            yield type(transform).__name__
