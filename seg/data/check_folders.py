"""What can be wrong with folders of images and masks."""

from collections.abc import Iterator
from pathlib import Path

from seg.data.findings import Finding, Look, error_in
from seg.data.image_files import IMAGE_SUFFIXES
from seg.data.masks import MaskSplit
from seg.data.split import Split
from seg.errors import DataError


class MaskCheck:
    """Images and their masks, looked at one by one."""

    def __init__(self, split: MaskSplit) -> None:
        self._split = split
        self.images = [sample.image for sample in split.samples]

    def findings(self) -> Iterator[Finding]:
        """Masks that no image asks for."""
        wanted = {self._split.mask_path(index) for index in range(len(self.images))}
        for path in sorted(self._split.masks.rglob("*")):
            if path.suffix.lower() in IMAGE_SUFFIXES and path not in wanted:
                problem = "is the mask of no image"
                fix = "name it like its image, ending in .png, or remove it"
                yield Finding("warning", path, None, problem, fix)

    def look(self, index: int) -> Look:
        try:
            labels_hw = self._split.labels(index)
        except DataError as error:
            path = self._split.mask_path(index)
            fix = "draw the mask again or remove the image"
            return Look(findings=(error_in(path, error, fix),))
        return Look(labels_hw.shape, labels_hw)


class ImageCheck:
    """Images without labels, which only a split that is predicted may lack."""

    def __init__(self, split: Split, folder: Path, *, labelled: bool) -> None:
        self.images = [sample.image for sample in split.samples]
        self._folder = folder
        self._labelled = labelled

    def findings(self) -> Iterator[Finding]:
        if self._labelled:
            problem = "has no labels"
            yield Finding("error", self._folder, None, problem, "name its 'annotations' or 'masks'")

    def look(self, _: int) -> Look:
        return Look()
