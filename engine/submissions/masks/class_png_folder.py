"""The format of one PNG a class: `<class>/<image's id>.png`, 255 where the image has the class, else 0."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seg.data.images.images import read_index_map
from seg.data.masks.binary_threshold import (
    find_binary_threshold,
    mask_above_threshold,
    notice_smoothed_masks,
)
from seg.engine.submissions.base import LabelledImage, SizeOf
from seg.engine.submissions.image_registry import ImageRegistry
from seg.engine.submissions.masks.check_size import check_header_size
from seg.engine.submissions.masks.png_folder import encode_png
from seg.errors import DataError
from seg.files.file_names import FileNames, id_of_file_name
from seg.files.outputs import output_folder
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.task import LabelMap, MasksCHW, Task, classes_overlap, masks_of, pack_masks

_SUFFIX: Final = ".png"
_THERE: Final = 255


class ClassPngFolder:
    """A folder for each class, with a mask of each image, also of those that do not show the class."""

    def __init__(self, classes: Sequence[ClassInfo], unlabelled: str, task: Task) -> None:
        folders = FileNames("")
        self._folders = tuple(folders.name_of(c.name.replace("/", "_")) for c in classes)
        names = [c.name for c in classes]
        self._background = names.index(unlabelled) if unlabelled in names else IGNORE_INDEX
        self._task = task

    def write(self, path: Path, images: Iterable[LabelledImage]) -> None:
        names = FileNames(_SUFFIX)
        with output_folder(path) as folder:
            for image_id, labels_hw in images:
                name = names.name_of(image_id)
                masks_chw = masks_of(labels_hw, self._task, len(self._folders))
                for of_class, mask_hw in zip(self._folders, masks_chw, strict=True):
                    file = folder / of_class / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(encode_png(mask_hw.astype(np.uint8) * np.uint8(_THERE), None))

    def read(self, path: Path, size_of: SizeOf) -> Iterator[LabelledImage]:
        names = {
            file.relative_to(path / of_class).as_posix()
            for of_class in self._folders
            for file in (path / of_class).rglob(f"*{_SUFFIX}")
            if file.is_file()
        }
        if not names:
            raise DataError(f"{path}: has no PNGs in folders named like classes: {', '.join(self._folders)}")
        registry = ImageRegistry(size_of)
        for name in sorted(names):
            image_id = id_of_file_name(name.removesuffix(_SUFFIX))
            size_hw = registry.register(name, image_id)
            masks = []
            for of_class in self._folders:
                file = path / of_class / name
                if not file.is_file():
                    raise DataError(f"{file}: is missing: each image has a mask of each class")
                check_header_size(file, image_id, size_of)
                values_hw = read_index_map(file)
                registry.check_size(str(file), values_hw, size_hw)
                masks.append(_mask_of_class(values_hw, file, path / of_class))
            yield image_id, self._together(path, name, np.stack(masks))

    def _together(self, path: Path, name: str, masks_chw: MasksCHW) -> LabelMap:
        if classes_overlap(self._task):
            return pack_masks(masks_chw)
        if (masks_chw.sum(0) > 1).any():
            first, second = np.flatnonzero(masks_chw[:, masks_chw.sum(0) > 1][:, 0])[:2].tolist()
            raise DataError(
                f"{path}: a pixel of {name} is in {self._folders[first]!r} and {self._folders[second]!r}, and"
                " has one class here"
            )
        return np.where(masks_chw.any(0), masks_chw.argmax(0), self._background).astype(np.uint8)


def _mask_of_class(values_hw: NDArray[Any], file: Path, folder: Path) -> NDArray[np.bool_]:
    """The pixels of a class's mask; raises DataError where it is not binary."""
    threshold = find_binary_threshold(lambda: [values_hw])
    if threshold is None:
        raise DataError(f"{file}: has more than two values: a mask has 0 and 255")
    if threshold:
        notice_smoothed_masks(folder)
    return mask_above_threshold(values_hw, threshold)
