"""Copy-paste augmentation: paste objects of rare classes from other training images.

Source: Ghiasi et al., "Simple Copy-Paste", 2021, section 3, by class instead of by instance: both
images are augmented on their own, then pixels are copied with their labels, without blending.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.errors import SpecError
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC
from seg.labels.task import Task, classes_overlap
from seg.spec import RecipeSpec
from seg.spec.base import SizeHW, did_you_mean
from seg.spec.recipe.augmentation import CopyPasteSpec
from seg.train.augment.augment import Augment
from seg.train.reproducibility.seeds import derive_seed
from seg.train.splits.class_counts import CountsNC
from seg.train.splits.decoded_split import DecodedSplit, TargetHW

_RARE: Final = 0.5
# They keep the random numbers of pasting independent of those of the crop that is pasted into.
_CHANCE_SEED: Final = 1
_PASTE_SEED: Final = 2


class CopyPaste:
    """Pastes pixels with one of `labels` from a random crop of another image."""

    def __init__(
        self,
        images: DecodedSplit,
        counts_nc: CountsNC,
        labels: Sequence[int],
        augment: Augment,
        crop: SizeHW,
        probability: float,
    ) -> None:
        self._images = images
        self._has_nc = counts_nc > 0
        self._labels = list(labels)
        self._augment = augment
        self._crop = crop
        self._probability = probability

    def should_paste(self, seed: int) -> bool:
        """Whether to paste into the crop with this seed, decided with the recipe's probability."""
        return bool(np.random.default_rng([seed, _CHANCE_SEED]).random() < self._probability)

    def __call__(
        self, index: int, image_hwc: ImageHWC, labels_hw: TargetHW, seed: int
    ) -> tuple[ImageHWC, TargetHW]:
        """A copy of the crop of image `index` with objects of another image pasted on it."""
        rng = np.random.default_rng([seed, _PASTE_SEED])
        label = int(rng.choice(self._labels))
        sources = np.flatnonzero(self._has_nc[:, label])
        sources = sources[sources != index]
        if not len(sources):
            return image_hwc, labels_hw
        read_hwc, read_labels_hw = self._images.read(int(rng.choice(sources)))
        is_of_class_hw = _pixels_of_pasted_class(label, read_labels_hw, self._images.task)
        around = _random_window(read_hwc, read_labels_hw, is_of_class_hw, self._crop, rng)
        source_hwc, source_labels_hw = self._augment(*around, derive_seed(seed, _PASTE_SEED))
        pasted_hw1 = _pixels_of_pasted_class(label, source_labels_hw, self._images.task)[..., None]
        pasted = pasted_hw1 if labels_hw.ndim == pasted_hw1.ndim else pasted_hw1[..., 0]
        return np.where(pasted_hw1, source_hwc, image_hwc), np.where(pasted, source_labels_hw, labels_hw)


def check_copy_paste(recipe: RecipeSpec, classes: Sequence[ClassInfo]) -> None:
    """Raises SpecError if `copy_paste` names an unknown class."""
    spec, names = recipe.copy_paste, [c.name for c in classes]
    if spec is None or spec.classes == "rare":
        return
    for name in spec.classes:
        if name not in names:
            raise SpecError(f"{spec.place}: there is no class {name!r}: {did_you_mean(name, names)}")


def labels_to_paste(spec: CopyPasteSpec, classes: Sequence[ClassInfo], counts_nc: CountsNC) -> list[int]:
    """The labels of the classes that a checked recipe names.

    Raises:
        SpecError: no training image has a class, or none is rare.
    """
    names = [c.name for c in classes]
    if spec.classes == "rare":
        rare = rare_labels(counts_nc)
        if not rare:
            raise SpecError(
                f"{spec.place}: no class has less than half the pixels of the median class:"
                f" name those to paste: {', '.join(names)}"
            )
        return rare
    for name in spec.classes:
        if not counts_nc[:, names.index(name)].any():
            raise SpecError(f"{spec.place}: no training image has class {name!r}: remove it")
    return [names.index(name) for name in spec.classes]


def rare_labels(counts_nc: CountsNC) -> list[int]:
    """The classes with less than half the pixels of the median of all classes that occur."""
    pixels_c = counts_nc.sum(0)
    occurring = pixels_c > 0
    if not occurring.any():
        return []
    rare: NDArray[np.bool_] = occurring & (pixels_c < _RARE * np.median(pixels_c[occurring]))
    return [int(label) for label in np.flatnonzero(rare)]


def _random_window(
    image_hwc: ImageHWC,
    labels_hw: TargetHW,
    is_of_class_hw: NDArray[np.bool_],
    size_hw: SizeHW,
    rng: np.random.Generator,
) -> tuple[ImageHWC, TargetHW]:
    """A random window of the image, at most `size_hw`, that contains a random pixel of the class."""
    height, width = is_of_class_hw.shape
    pixels = np.flatnonzero(is_of_class_hw)
    middle = int(rng.choice(pixels)) if len(pixels) else height * width // 2
    place = []
    for position, side, length in zip(
        np.unravel_index(middle, (height, width)), size_hw, (height, width), strict=True
    ):
        start = int(np.clip(position - rng.integers(side), 0, max(0, length - side)))
        place.append(slice(start, start + side))
    rows, columns = place
    return image_hwc[rows, columns], labels_hw[rows, columns]


def _pixels_of_pasted_class(label: int, labels_hw: TargetHW, task: Task) -> NDArray[np.bool_]:
    """The pixels of a class, bool `[H, W]`; soft labels may be stacked behind labels and planes."""
    if classes_overlap(task):
        return np.equal(labels_hw[..., label], 1)
    return np.equal(labels_hw if labels_hw.ndim == 2 else labels_hw[..., 0], label)
