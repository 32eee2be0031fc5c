"""Checks of images with masks, with a table of run lengths, or without labels."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from seg.data.check.findings import CheckedLabels, Finding, error_finding
from seg.data.check.palettes import PaletteCheck
from seg.data.images.image_header import Size
from seg.data.masks.mask_split import MaskSplit
from seg.data.pairing.find_masks import is_mask_pattern, mask_files
from seg.data.regions.label_raster import AT_ONCE, LabelRaster, size_of_labels
from seg.data.regions.object_raster import LabelledRuns
from seg.data.regions.region import cut_region
from seg.data.splits.split import Split
from seg.data.tables.run_lengths import has_ascending_runs
from seg.data.tables.table_split import TableSplit
from seg.errors import DataError
from seg.labels.task import classes_overlap
from seg.terminal.words import pluralise

_EXAMPLES: Final = 3


class MaskCheck:
    """Checks images and their masks."""

    def __init__(self, split: MaskSplit) -> None:
        self._split = split
        self.images = [sample.image for sample in split.samples]
        self._missing = [
            masks[0].path for masks in split.masks if not any(mask.path.exists() for mask in masks)
        ]
        self._paired = True
        self._palettes = PaletteCheck()

    def findings(self) -> Iterator[Finding]:
        """Masks without an image; if there are also images without a mask, their names do not match."""
        place, missing = self._split.spec.place, self._missing
        used = {mask.path for masks in self._split.masks for mask in masks}
        unused = [path for path in self._mask_files() if path not in used | self._split.unlisted_masks]
        if missing and (unused or len(missing) == len(self.images)):
            self._paired = False
            images = pluralise(len(self.images), "image")
            problem = (
                f"images and masks do not pair: of {images} {len(missing)} have no mask of their name,"
                f" such as {_examples_of_unmatched_files(missing)},"
                f" and {pluralise(len(unused), 'mask')} no image"
                + (f", such as {_examples_of_unmatched_files(unused)}" if unused else "")
            )
            fix = "name masks like their images, or give their names as a pattern, such as '{stem}_mask.png'"
            yield Finding("error", place, None, problem, fix)
            return
        for path in unused:
            fix = "name it like its image, or remove it"
            yield Finding("warning", path, None, "is the mask of no image", fix)

    def check_labels(self, index: int, _: Size | None) -> CheckedLabels:
        path = self._split.masks[index][0].path
        if not self._paired and path in self._missing:
            return CheckedLabels()
        try:
            labels = self._split.open_labels(index)
        except DataError as error:
            return CheckedLabels(findings=(error_finding(path, error, "correct or remove it"),))
        return CheckedLabels(size_of_labels(labels), labels, findings=tuple(self._palette_warnings(index)))

    def _palette_warnings(self, index: int) -> Iterator[Finding]:
        """Warnings about the palettes of an image's masks, of which the indexes are read."""
        if self._split.spec.tolerance is None:
            for mask in self._split.masks[index]:
                yield from self._palettes.findings(mask.path)

    def _mask_files(self) -> list[Path]:
        """All masks in folders of masks; a pattern's folder may hold other files."""
        return [
            path
            for where in self._split.spec.to or ()
            if not is_mask_pattern(where)
            for path in mask_files(where)
        ]


class TableCheck:
    """Checks images and their run lengths."""

    def __init__(self, split: TableSplit) -> None:
        self._split = split
        self.images = [sample.image for sample in split.samples]

    def findings(self) -> Iterator[Finding]:
        """Rows of no image."""
        table = self._split.table.file
        try:
            unknown = self._split.unknown_images
        except DataError as error:
            yield error_finding(table, error, "correct it")
            return
        if unknown:
            images = pluralise(len(unknown), "image")
            problem = (
                f"{images} of the table are not in the split, such as {_examples_of_unknown_names(unknown)}"
            )
            yield Finding(
                "warning", table, None, problem, "add them, or ignore this if other splits have them"
            )

    def check_labels(self, index: int, _: Size | None) -> CheckedLabels:
        table, classes = self._split.table.file, self._split.classes
        try:
            labels = self._split.open_labels(index)
            objects = self._split.objects(index, size_of_labels(labels))
        except DataError as error:
            return CheckedLabels(findings=(error_finding(table, error, "correct or remove it"),))
        names = tuple(classes[one.label].name for one in objects if one.runs.area)
        findings = (*self._runs_that_go_back(index), *self._covered(index, labels, objects))
        return CheckedLabels(size_of_labels(labels), labels, names, findings)

    def _runs_that_go_back(self, index: int) -> Iterator[Finding]:
        """Runs that overlap, as numbers of another kind do that are taken for starts and lengths."""
        for row in self._split.rows_of_image(index):
            if not has_ascending_runs(row.runs):
                problem = f"line {row.line}: runs overlap or go back"
                fix = (
                    "check that it has the start and length of each run, with starts counted from the first"
                    " pixel of the image"
                )
                yield Finding("warning", self._split.table.file, None, problem, fix)

    def _covered(self, index: int, labels: LabelRaster, objects: list[LabelledRuns]) -> Iterator[Finding]:
        """Pixels of an object that another class's covers, if a pixel has one class."""
        if classes_overlap(self._split.task):
            return
        covered = sum(
            int(np.count_nonzero(labels[part.slices][one.runs.mask_in(part)] != one.label))
            for one in objects
            for part in cut_region(one.runs.bounds, (AT_ONCE, AT_ONCE))
        )
        if covered:
            problem = f"{pluralise(covered, 'pixel')} are of two classes"
            fix = "set 'task: multilabel' to keep both: in 'multiclass' the smaller object is on top"
            yield Finding("warning", self.images[index], None, problem, fix)


class ImageCheck:
    """Checks images without labels, which only a split to predict may lack."""

    def __init__(self, split: Split, folder: Path, *, labelled: bool) -> None:
        self.images = [sample.image for sample in split.samples]
        self._folder = folder
        self._labelled = labelled

    def findings(self) -> Iterator[Finding]:
        if self._labelled:
            problem = "has no labels"
            yield Finding("error", self._folder, None, problem, "name its 'annotations', 'masks' or 'labels'")

    def check_labels(self, _: int, __: Size | None) -> CheckedLabels:
        return CheckedLabels()


def _examples_of_unmatched_files(paths: list[Path]) -> str:
    return ", ".join(map(str, paths[:_EXAMPLES]))


def _examples_of_unknown_names(names: list[str]) -> str:
    return ", ".join(map(repr, names[:_EXAMPLES]))
