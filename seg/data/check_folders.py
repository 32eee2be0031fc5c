"""What can be wrong with folders of images and masks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from seg.data.findings import Finding, Look, error_in
from seg.data.image_files import IMAGE_SUFFIXES
from seg.data.image_header import Size
from seg.data.masks import MaskSplit
from seg.data.split import Split
from seg.errors import DataError
from seg.words import counted

_MASK_SUFFIXES: Final = IMAGE_SUFFIXES | {".gif"}
"""Of files that are meant as masks, whether they can be read or not."""


class MaskCheck:
    """Images and their masks, looked at one by one."""

    def __init__(self, split: MaskSplit) -> None:
        self._split = split
        self.images = [sample.image for sample in split.samples]
        self._wanted = dict.fromkeys(split.mask_path(index) for index in range(len(self.images)))
        self._paired = True

    def findings(self) -> Iterator[Finding]:
        """Masks that no image asks for; where images lack theirs too, the names are not those of pairs."""
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

    def look(self, index: int, _: Size | None) -> Look:
        path = self._split.mask_path(index)
        if not self._paired and not path.exists():
            return Look()
        try:
            labels_hw = self._split.labels(index)
        except DataError as error:
            fix = "mend or remove it"
            return Look(findings=(error_in(path, error, fix),))
        return Look(labels_hw.shape, labels_hw)

    def _mask_files(self) -> list[Path]:
        found = self._split.masks.rglob("*")
        return sorted(
            path for path in found if path.suffix.lower() in _MASK_SUFFIXES and not path.name.startswith(".")
        )


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

    def look(self, _: int, __: Size | None) -> Look:
        return Look()
