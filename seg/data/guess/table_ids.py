"""Ids that are made of folders and parts of file names, such as `case123_day20_slice_0001`."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from seg.data.pairing.lookup import ImageLookup
from seg.data.pairing.pattern import PathPattern


@dataclass(frozen=True, slots=True)
class TableIdPattern:
    """Where images are, and the pattern of their ids; `id` is None if a table names them as they are."""

    images: Path
    id: str | None
    lookup: ImageLookup | None
    listed: Sequence[Path]

    def image_of(self, text: str) -> Path | None:
        """The image of an id."""
        if self.lookup is not None:
            place = self.lookup.find(text)
            return None if place is None else self.listed[place]
        pattern, own = PathPattern(self.images.as_posix()), PathPattern(self.id or "")
        matched = ((path, pattern.match(path.as_posix())) for path in self.listed)
        return next((path for path, captures in matched if captures and own.fill(captures) == text), None)


def guess_table_id_pattern(
    root: Path, images: Sequence[Path], ids: Sequence[str], others: Sequence[Path]
) -> TableIdPattern | None:
    """A folder's name and the first words of the file's name, joined by `_`, that make most ids.

    `others` are images without labels, whose folders are as deep. None if no pattern makes half of the ids.
    """
    depth = len(images[0].relative_to(root).parts) - 1
    own = [image for image in images if len(image.relative_to(root).parts) - 1 == depth]
    wanted = set(ids)
    best: tuple[int, int, int] | None = None
    for folder, words in product(range(depth), range(1, 5)):
        made = {_id_of_table(image, root, folder, words) for image in own}
        count = len(made & wanted)
        if count * 2 >= len(wanted) and (best is None or count > best[0]):
            best = count, folder, words
    return _pattern_of_table_ids(root, own, best[1], best[2], others) if best else None


def _id_of_table(image: Path, root: Path, folder: int, words: int) -> str:
    return "_".join([image.relative_to(root).parts[folder], *image.stem.split("_")[:words]])


def _pattern_of_table_ids(
    root: Path, images: Sequence[Path], folder: int, words: int, others: Sequence[Path]
) -> TableIdPattern:
    parts = [image.relative_to(root).parts[:-1] for image in (*images, *others)]
    columns = list(zip(*(own for own in parts if len(own) == len(parts[0])), strict=True))
    folders = ["*" if len(set(column)) > 1 else column[0] for column in columns]
    folders[0] = parts[0][0]
    folders[folder] = "{folder}"
    first = [image.stem.split("_")[:words] for image in images]
    words_of = enumerate(zip(*first, strict=True))
    same = [column[0] if len(set(column)) == 1 else f"{{part{place}}}" for place, column in words_of]
    has_more = any(len(image.stem.split("_")) > words for image in images)
    endings = {image.suffix for image in (*images, *others)}
    name = "_".join(same) + ("_*" if has_more else "") + (endings.pop() if len(endings) == 1 else ".*")
    return TableIdPattern(root.joinpath(*folders, name), "_".join(["{folder}", *same]), None, images)
