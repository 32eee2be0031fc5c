"""Lists of the images of each split, such as VOC's `ImageSets/Segmentation/train.txt`."""

from collections.abc import Sequence
from pathlib import Path

from seg.data.guess.survey import FolderSurvey
from seg.data.pairing.lookup import ImageLookup
from seg.data.splits.list_samples import first_column_of_list
from seg.data.splits.split import samples_with_ids
from seg.data.splits.split_names import split_of_word
from seg.errors import DataError
from seg.spec.dataset.dataset import SplitName

_CHECKED = 20
_ALL = frozenset({"trainval", "default", "all"})
"""Names of lists of images of no split, of which some may be held out."""


def split_lists(found: FolderSurvey, images: Sequence[Path]) -> dict[SplitName | None, Path]:
    """The list of each split; for `None` that of all labelled images, such as CVAT's `default.txt`."""
    lookup = ImageLookup(samples_with_ids(found.folder, images))
    lists: dict[SplitName | None, Path] = {}
    for path in sorted(found.of_kind(".txt"), key=lambda path: ("egment" not in str(path), path)):
        if (split_of_word(path.stem) or path.stem in _ALL) and _names_images(path, lookup):
            lists.setdefault(split_of_word(path.stem), path)
    if "train" in lists or None in lists:
        return lists
    tables = {split_of_word(path.stem): path for path in found.of_kind(".csv") if _names_images(path, lookup)}
    # A lone table of training images is rather one of run lengths, or of facts about them.
    return tables if {"train", "val"} <= tables.keys() else {}


def _names_images(path: Path, lookup: ImageLookup) -> bool:
    try:
        entries = first_column_of_list(path)
    except DataError:
        return False
    names = entries[1:_CHECKED] or entries
    return bool(names) and all(
        lookup.find(name) is not None or lookup.find(name.split(maxsplit=1)[0]) is not None for name in names
    )
