"""Sampling of crops: at which places of which images an epoch draws them."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from seg.data.regions.class_map import CELL, ClassMap
from seg.errors import DataError
from seg.spec.recipe.recipe import RecipeSpec
from seg.train.batches.sampling import CropDraw
from seg.train.reproducibility.seeds import derive_seed

Weights = NDArray[np.int64]
"""How often each cell of all images is drawn, by its pixels; of no fixed sum."""


class CropSampler:
    """`samples` draws an epoch, each at a pixel of an image, determined by seed and epoch.

    A place is drawn by the labelled pixels of its cell: of all classes, or of one that is drawn first.

    Args:
        background: the label of unlabelled pixels, which is not foreground.
        epoch: the first epoch of training: workers ask for crops before `set_epoch` is called.

    Raises:
        DataError: no pixel is labelled.
    """

    def __init__(
        self, maps: Sequence[ClassMap], recipe: RecipeSpec, background: int | None, epoch: int
    ) -> None:
        self._samples = recipe.samples or 0
        self._seed = recipe.seed
        self._epoch = epoch
        self._foreground = recipe.foreground
        self._shapes = [one.counts_chw.shape[1:] for one in maps]
        self._firsts = np.cumsum([0, *(rows * columns for rows, columns in self._shapes)])
        by_class = np.concatenate([one.counts_chw.reshape(len(one.counts_chw), -1) for one in maps], axis=1)
        labels = [label for label, cells in enumerate(by_class) if cells.any()]
        if not labels:
            raise DataError("no pixel of the training images is labelled: label them")
        others = [label for label in labels if label != background] or labels
        balanced = recipe.sampling == "class_balanced"
        self._anywhere = _class_weights_of_cells(by_class, labels, balanced=balanced)
        self._on_foreground = _class_weights_of_cells(by_class, others, balanced=balanced)

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return self._samples

    def __iter__(self) -> Iterator[CropDraw]:
        rng = np.random.default_rng([self._seed, self._epoch])
        for position in range(self._samples):
            targets = self._on_foreground if rng.random() < self._foreground else self._anywhere
            cell = _draw_crop_cell(targets[int(rng.integers(len(targets)))], rng)
            image = int(np.searchsorted(self._firsts, cell, side="right")) - 1
            row, column = divmod(cell - int(self._firsts[image]), self._shapes[image][1])
            centre = int(row * CELL + rng.integers(CELL)), int(column * CELL + rng.integers(CELL))
            yield CropDraw(image, derive_seed(self._seed, self._epoch, position), False, centre)


def _class_weights_of_cells(
    by_class: NDArray[np.uint16], labels: Sequence[int], *, balanced: bool
) -> list[Weights]:
    """Sums of weights over the cells, to draw from: one for each class, or one for all of them."""
    if balanced:
        return [np.cumsum(by_class[label], dtype=np.int64) for label in labels]
    return [np.cumsum(by_class[labels].sum(axis=0, dtype=np.int64))]


def _draw_crop_cell(sums: Weights, rng: np.random.Generator) -> int:
    """A cell, by the pixels in it."""
    return int(np.searchsorted(sums, rng.integers(sums[-1]), side="right"))
