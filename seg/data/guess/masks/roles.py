"""Which pictures of a folder are images and which are masks: by their names, else by their pixels."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from seg.data.images.decoding import decode_bands
from seg.data.images.image_files import bytes_of_file
from seg.data.images.image_header import LostBandsError
from seg.errors import DataError

_MASK: Final = re.compile(
    r"mask|label|anno|segm|ground.?truth|manual|matte|instance|panoptic|trimap|colormap|(?<![a-z])gt(?![a-z])|gt(fine|coarse)|(?<![a-z])seg(?![a-z])",
    re.IGNORECASE,
)
_IMAGE: Final = re.compile(r"image|img|photo|jpeg|scan|rgb|frame|picture", re.IGNORECASE)
_ONLY_MASKS: Final = frozenset({".gif", ".jp2"})
_ARRAY: Final = ".npy"
_TOKEN: Final = re.compile(r"[_\-. ]([A-Za-z][A-Za-z0-9]*)$")
_FIRST_WORD: Final = re.compile(r"([A-Za-z]+)[_\-. ]")
_MOST_COLOURS_OF_A_MASK: Final = 64


def images_and_masks(folder: Path, pictures: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Pictures that are probably images, and those that are probably masks.

    Pictures of a folder with the same ending and word of their names are of one role. A folder that is
    named after a picture does not tell.
    """
    groups: dict[tuple[Path, str, str], list[Path]] = defaultdict(list)
    for path in pictures:
        groups[path.parent, path.suffix.lower(), word_of_role(path.stem)].append(path)
    images: list[Path] = []
    masks: list[Path] = []
    stems = {path.stem for path in pictures}
    roles_in = Counter(where for where, _, _ in groups)
    for (where, _, word), paths in groups.items():
        folders = [part for part in where.relative_to(folder).parts if part not in stems]
        is_mask = _is_mask(word, folders, paths[0], is_mixed=bool(word) and roles_in[where] > 1)
        (masks if is_mask else images).extend(paths)
    return sorted(images), sorted(masks)


def word_of_role(stem: str) -> str:
    """The word at the end of a name, such as `mask` of `a_01_mask`, or `GT` at the start of `GT_01`.

    Empty if it ends otherwise, and begins with a word that is none for masks.
    """
    found = _TOKEN.search(stem)
    last = found[1] if found and not re.fullmatch(r"[0-9a-f]{6,}", found[1]) else ""
    first = _FIRST_WORD.match(stem)
    return first[1] if first and means_mask(first[1]) and not means_mask(last) else last


def means_mask(word: str) -> bool:
    """Whether a word or the name of a folder says that masks are there."""
    return bool(_MASK.search(word))


def means_image(word: str) -> bool:
    """Whether a word or the name of a folder says that images are there."""
    return bool(_IMAGE.search(word))


def _is_mask(word: str, folders: Sequence[str], sample: Path, *, is_mixed: bool) -> bool:
    """By word or folder, else by pixels; a folder that has several roles may be named after the images."""
    if sample.suffix.lower() in _ONLY_MASKS:
        return True
    for name in (word, *reversed(folders)):
        says = {"mask": means_mask(name), "image": means_image(name)}
        if says["mask"] != says["image"] and not (is_mixed and name != word and says["image"]):
            return says["mask"]
    return _has_one_band_of_integers(sample) if sample.suffix.lower() == _ARRAY else _has_few_colours(sample)


def _has_one_band_of_integers(path: Path) -> bool:
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return True
    return values.ndim == 2 and values.dtype.kind in "biu"


def _has_few_colours(path: Path) -> bool:
    if path.suffix.lower() in {".jpg", ".jpeg"}:
        return False
    try:
        pixels = decode_bands(bytes_of_file(path))[..., :3].reshape(-1, 3).astype(np.int64)
    except (LostBandsError, DataError, ValueError):
        return False
    return len(np.unique(pixels @ [1 << 16, 1 << 8, 1])) <= _MOST_COLOURS_OF_A_MASK
