"""Whether labels can be learnt from: absent classes, ignored pixels, crops that are mostly padding."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from seg.data.check.findings import Finding, Severity
from seg.data.regions.label_raster import LabelRaster, parts_of_labels, size_of_labels
from seg.data.splits.split import Split
from seg.labels.classes import ClassInfo
from seg.labels.task import Task, classes_overlap, count_pixels, ignored_in
from seg.spec.dataset.dataset import DatasetSpec
from seg.spec.recipe.recipe import RecipeSpec
from seg.terminal.progress import progress
from seg.terminal.words import pluralise

IGNORED: Final = "(ignored)"

MOST_IGNORED: Final = 0.5
MOST_PADDING: Final = 0.75
LEAST_COUNTED: Final = 200
MOST_COUNTED: Final = 2000
"""At least and at most this many images are counted before training, until each class was seen."""

FEWEST_TO_TRAIN: Final = 2
"""Batch normalisation needs two images."""

_THREADS: Final = 4
_AT_ONCE: Final = 64
_MOST_NAMED: Final = 3


@dataclass(slots=True)
class PixelCounts:
    """Pixels of each class by name, and ignored pixels, in `images` of the split's `of` images.

    `total` counts all pixels, and `empty` the images without a pixel of any class. `largest_hw` has the
    greatest height and the greatest width of an image.
    """

    of: int
    images: int = 0
    empty: int = 0
    total: int = 0
    pixels: Counter[str] = field(default_factory=Counter)
    largest_hw: tuple[int, int] = (0, 0)

    def add(self, labels: LabelRaster, task: Task, classes: Sequence[ClassInfo]) -> Counter[str]:
        """Count one more image; returns its counts. Raises DataError if its labels cannot be read."""
        shown: Counter[str] = Counter()
        ignored = 0
        for part_hw in parts_of_labels(labels):
            counts_c = count_pixels(part_hw, task, len(classes))
            shown += Counter({c.name: count for c, count in zip(classes, counts_c.tolist(), strict=True)})
            ignored += int(np.count_nonzero(ignored_in(part_hw, task, len(classes))))
            self.total += part_hw.size
        self.empty += not shown
        shown += Counter({IGNORED: ignored})
        self.images += 1
        self.pixels += shown
        height, width = size_of_labels(labels)
        self.largest_hw = max(height, self.largest_hw[0]), max(width, self.largest_hw[1])
        return shown

    @property
    def ignored(self) -> float:
        """The share of ignored pixels, 0..1."""
        return self.pixels[IGNORED] / self.total if self.total else 0.0


def count_class_pixels(split: Split) -> PixelCounts:
    """Count images in random order, until `LEAST_COUNTED` are counted and each class was seen.

    Raises:
        DataError: labels cannot be read.
    """
    counts = PixelCounts(of=len(split.samples))
    names = {c.name for c in split.classes}
    order = iter(np.random.default_rng(0).permutation(counts.of)[:MOST_COUNTED].tolist())
    most = min(MOST_COUNTED, counts.of)
    with progress("count classes", most, unit="images") as advance, ThreadPoolExecutor(_THREADS) as threads:
        while some := list(islice(order, _AT_ONCE)):
            for labels in threads.map(split.open_labels, some):
                counts.add(labels, split.task, split.classes)
                advance()
            if counts.images >= LEAST_COUNTED and names <= counts.pixels.keys():
                advance(most - counts.images)
                break
    return counts


def learnable_findings(
    dataset: DatasetSpec, classes: Sequence[ClassInfo], counts: PixelCounts
) -> Iterator[Finding]:
    """Findings about labels that cannot be learnt: an error if nothing can be, else warnings."""
    split = dataset.split("train")
    place = split.place
    overlaps = classes_overlap(dataset.task)
    if len(classes) == 1 and dataset.ignores_unlabelled and not overlaps:
        name = classes[0].name
        problem = (
            f"there is one class, {name}, and unlabelled pixels are ignored: there is nothing to tell apart"
        )
        yield Finding("error", place, None, problem, "set 'unlabelled: Background'")
        return
    if not counts.images:
        return
    shown = [c.name for c in classes if counts.pixels[c.name]]
    absent = [c.name for c in classes if not counts.pixels[c.name]]
    seen = pluralise(counts.images, "training image")
    fewest = 1 if overlaps else 2
    severity: Severity = "error" if len(shown) < fewest and counts.images == counts.of else "warning"
    if not shown and not overlaps:
        yield Finding(severity, place, None, f"no pixel of {seen} has a label", "label them")
        return
    if absent:
        names = ", ".join(absent[:_MOST_NAMED]) + (", ..." if len(absent) > _MOST_NAMED else "")
        which = f"class {names}" if len(absent) == 1 else f"{len(absent)} classes, {names}"
        value, fix = _probable_value_of_absent_class(dataset, absent, counts)
        problem = f"no pixel of {seen} is of {which}{value}"
        if len(shown) == 1 and not overlaps:
            problem += f"; all that is labelled is {shown[0]}, and there is nothing to tell apart"
        yield Finding(severity, place, None, problem, fix)
    if counts.ignored > MOST_IGNORED:
        problem = f"{counts.ignored:.0%} of the pixels of {seen} are ignored"
        fix = (
            "check 'unlabelled_values' and 'unlabelled_colours'"
            if overlaps
            else "set 'unlabelled: Background' if they belong to none of the classes"
        )
        yield Finding("warning", place, None, problem, fix)


def too_few_findings(place: Path, images: int, recipes: Sequence[RecipeSpec]) -> Iterator[Finding]:
    """A warning if there are too few images to train on, unless all recipes draw crops of them."""
    draws_crops = bool(recipes) and all(recipe.samples for recipe in recipes)
    if 0 < images < FEWEST_TO_TRAIN and not draws_crops:
        problem = (
            f"the training split has {pluralise(images, 'image')}, at least {FEWEST_TO_TRAIN} are needed"
        )
        fix = "label more, or set 'samples' in the recipe to train on crops of a large image"
        yield Finding("warning", place, None, problem, fix)


def _probable_value_of_absent_class(
    dataset: DatasetSpec, absent: Sequence[str], counts: PixelCounts
) -> tuple[str, str]:
    """The mask value that an absent class probably has, and a fix for the class."""
    fix = "label some, or remove it from the classes"
    if (
        not dataset.split("train").masks
        or len(absent) > 1
        or (dataset.ignores_unlabelled and not counts.ignored)
    ):
        return "", fix
    values = " or ".join(map(str, dataset.unlabelled_values))
    share = f" ({counts.ignored:.0%} of the pixels are ignored)" if counts.ignored else ""
    return f", and {values} counts as unlabelled{share}", f"give {absent[0]} the id {values}, or {fix}"


def crop_findings(place: Path, recipe: RecipeSpec, largest_hw: tuple[int, int]) -> Iterator[Finding]:
    """A warning if most of the crop is padding, even for the largest image at the largest scale."""
    if recipe.input.size is not None or not min(largest_hw):
        return
    (height, width), zoom = recipe.crop, recipe.scale[1]
    covered = min(height, largest_hw[0] * zoom) * min(width, largest_hw[1] * zoom) / (height * width)
    if 1 - covered > MOST_PADDING:
        largest = "{}x{}".format(*largest_hw)
        problem = f"the crop {height}x{width} is {1 - covered:.0%} padding: the largest image is {largest}"
        yield Finding("warning", place, None, problem, f"set 'crop: {largest}'")
