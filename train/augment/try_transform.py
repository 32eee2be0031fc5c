"""Check a transform on small synthetic crops before training: sizes, types, reproducibility, label values."""

import warnings
from typing import Any, Final

import albumentations as albu
import numpy as np

from seg.errors import SpecError
from seg.image_type import ImageHWB
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.spec.base import SizeHW

_SEEDS: Final = range(4)
_CLASSES: Final = 5
_BLOCK: Final = 8


def try_transform(transform: Any, place: str, size_hw: SizeHW, bands: int | None = None) -> None:
    """Apply a transform to synthetic crops and check its output. Sets the transform's probability to 1.

    Crops are uint8 RGB or, of images with so many `bands`, float32 in 0..1.

    Raises:
        SpecError: it fails, changes sizes or dtypes, differs with the same seed, erases the image, or does
            arithmetic on labels.
    """
    transform.p = 1.0
    compose = albu.Compose([transform])
    for seed in _SEEDS:
        image_hwc, labels_hw = _synthetic_crop(size_hw, seed, bands)
        try:
            problem = _problem_of_transform(compose, image_hwc, labels_hw, seed)
        except Exception as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            problem = f"fails on a crop ({first}): choose another transform"
        if problem:
            raise SpecError(f"{place}: {type(transform).__name__} {problem}")


def _problem_of_transform(compose: Any, image_hwc: ImageHWB, labels_hw: LabelsHW, seed: int) -> str | None:
    image, labels = _apply_transform(compose, image_hwc, labels_hw, seed)
    if not isinstance(image, np.ndarray) or image.dtype != image_hwc.dtype:
        found = getattr(image, "dtype", type(image))
        return f"returns {found}, the network takes {image_hwc.dtype} images: remove it"
    if image.shape != image_hwc.shape or labels.shape != labels_hw.shape:
        before, after = ("x".join(map(str, shape)) for shape in (image_hwc.shape, image.shape))
        return f"turns crops of {before} into {after}: sizes are set by 'crop', 'scale' and 'train_views'"
    again_image, again_labels = _apply_transform(compose, image_hwc, labels_hw, seed)
    if not (np.array_equal(image, again_image) and np.array_equal(labels, again_labels)):
        return "is not reproducible with the same seed: choose another transform"
    if image.min() == image.max():
        return f"turns the whole image into the colour {image.max()}: choose other parameters"
    renamed = _permuted_labels(seed)
    _, labels_of_renamed = _apply_transform(compose, image_hwc, renamed[labels_hw], seed)
    if not np.array_equal(labels_of_renamed, renamed[labels]):
        return "does arithmetic on labels: choose another transform"
    return None


def _apply_transform(compose: Any, image_hwc: ImageHWB, labels_hw: LabelsHW, seed: int) -> tuple[Any, Any]:
    compose.set_random_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        changed = compose(image=image_hwc.copy(), mask=labels_hw.copy())
    return changed["image"], changed["mask"]


def _synthetic_crop(size_hw: SizeHW, seed: int, bands: int | None) -> tuple[ImageHWB, LabelsHW]:
    """Blocks of random colours and labels; the first row of blocks has the ignore index."""
    rng = np.random.default_rng(seed)
    height, width = size_hw
    blocks = (-(-height // _BLOCK), -(-width // _BLOCK))
    image_hwc: ImageHWB = rng.integers(0, 256, (*blocks, bands or 3), np.uint8)
    image_hwc = image_hwc.repeat(_BLOCK, 0).repeat(_BLOCK, 1)
    if bands is not None:
        image_hwc = image_hwc.astype(np.float32) / 255
    labels_hw = rng.integers(0, _CLASSES, blocks, np.uint8).repeat(_BLOCK, 0).repeat(_BLOCK, 1)
    labels_hw[:_BLOCK] = IGNORE_INDEX
    return image_hwc[:height, :width], labels_hw[:height, :width]


def _permuted_labels(seed: int) -> LabelsHW:
    """A lookup table that gives each class another label, and keeps the ignore index."""
    labels = np.arange(IGNORE_INDEX + 1, dtype=np.uint8)
    labels[:_CLASSES] = (labels[:_CLASSES] + 1 + seed % (_CLASSES - 1)) % _CLASSES
    return labels
