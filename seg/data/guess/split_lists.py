"""Lists of the images of each split, such as VOC's `ImageSets/Segmentation/train.txt`."""

from collections.abc import Sequence
from pathlib import Path

from seg.data.guess.survey import Survey, split_of
from seg.data.list_samples import first_column
from seg.data.pairing.lookup import ImageLookup
from seg.data.split import samples_with_ids
from seg.errors import DataError
from seg.spec.dataset import SplitName

_CHECKED = 20


def split_lists(found: Survey, images: Sequence[Path]) -> dict[SplitName | None, Path]:
    """The list of each split; for `None` one that names no split, such as CVAT's `default.txt`."""
    lookup = ImageLookup(samples_with_ids(found.folder, images))
    lists: dict[SplitName | None, Path] = {}
    for path in sorted(found.of_kind(".txt", ".csv"), key=lambda path: ("egment" not in str(path), path)):
        if _names_images(path, lookup):
            lists.setdefault(split_of(path.stem), path)
    return lists if "train" in lists else {None: lists[None]} if None in lists and len(lists) == 1 else {}


def _names_images(path: Path, lookup: ImageLookup) -> bool:
    try:
        entries = first_column(path)
    except DataError:
        return False
    names = [entry.split()[0] for entry in entries[1:_CHECKED] or entries if entry.split()]
    return bool(names) and path.suffix == ".txt" and all(lookup.find(name) is not None for name in names)
