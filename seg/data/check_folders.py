"""Checks of folders of images and masks: masks that are missing, unused or damaged."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from seg.data.findings import CheckedLabels, Finding, error_in
from seg.data.image_files import IMAGE_SUFFIXES
from seg.data.image_header import Size
from seg.data.mask_split import MaskSplit
from seg.data.split import Split
from seg.errors import DataError
from seg.words import counted

_MASK_SUFFIXES: Final = IMAGE_SUFFIXES | {".gif"}
"""Suffixes of files that are probably meant as masks, even if they cannot be read."""


class MaskCheck:
    """Checks images and their masks."""

    def __init__(self, split: MaskSplit) -> None:
        self._split = split
        self.images = [sample.image for sample in split.samples]
        self._wanted = dict.fromkeys(split.mask_path(index) for index in range(len(self.images)))
        self._paired = True

    def findings(self) -> Iterator[Finding]:
        """Masks without an image; if there are also images without a mask, their names do not match."""
        unused = [path for path in self._mask_files() if path not in self._wanted]
        missing = [path for path in self._wanted if not path.exists()]
        if missing and unused:
            self._paired = False
            images = counted(len(self.images), "image")
            problem = (
                f"images and masks do not pair: of {images} {len(missing)} have no mask of their name,"
                f" such as {missing[0]}, and {counted(len(unused), 'mask')} no image, such as {unused[0]}"
            )
            fix = "name masks like their images, ending in .png"
            yield Finding("error", self._split.masks, None, problem, fix)
            return
        for path in unused:
            fix = "name it like its image, ending in .png, or remove it"
            yield Finding("warning", path, None, "is the mask of no image", fix)

    def check_labels(self, index: int, _: Size | None) -> CheckedLabels:
        path = self._split.mask_path(index)
        if not self._paired and not path.exists():
            return CheckedLabels()
        try:
            labels_hw = self._split.labels(index)
        except DataError as error:
            fix = "correct or remove it"
            return CheckedLabels(findings=(error_in(path, error, fix),))
        return CheckedLabels(labels_hw.shape, labels_hw)

    def _mask_files(self) -> list[Path]:
        found = self._split.masks.rglob("*")
        return sorted(
            path for path in found if path.suffix.lower() in _MASK_SUFFIXES and not path.name.startswith(".")
        )


class ImageCheck:
    """Checks images without labels, which only a split to predict may lack."""

    def __init__(self, split: Split, folder: Path, *, labelled: bool) -> None:
        self.images = [sample.image for sample in split.samples]
        self._folder = folder
        self._labelled = labelled

    def findings(self) -> Iterator[Finding]:
        if self._labelled:
            problem = "has no labels"
            yield Finding("error", self._folder, None, problem, "name its 'annotations' or 'masks'")

    def check_labels(self, _: int, __: Size | None) -> CheckedLabels:
        return CheckedLabels()
