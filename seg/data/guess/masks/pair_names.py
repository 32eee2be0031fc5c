"""The pattern that leads from images to masks of other names, found from their names."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import takewhile
from pathlib import Path
from typing import Final

from seg.data.pairing.plain_names import plain_name

_TRIED: Final = 3
_LEAST_PAIRED: Final = 0.5


@dataclass(frozen=True, slots=True)
class NamePattern:
    """Where an image's mask is: its folders, with `{0}`, `{1}`, ... for those of the image, and its name.

    `before` and `after` are what the names of image and mask have around their common core.
    """

    folders: tuple[str, ...]
    before: tuple[str, str]
    after: tuple[str, str]
    suffix: str

    def mask_of(self, image: Path, root: Path) -> Path | None:
        """Where the mask of an image would be; None if its name has another form."""
        stem, parts = image.stem, image.parent.relative_to(root).parts
        if not (stem.startswith(self.before[0]) and stem.endswith(self.after[0])):
            return None
        core = stem[len(self.before[0]) : len(stem) - len(self.after[0])]
        folders = [self._folder(folder, parts) for folder in self.folders]
        name = f"{self.before[1]}{core}{self.after[1]}{self.suffix}"
        return root.joinpath(*folders, name) if None not in folders else None  # type: ignore[arg-type]

    def _folder(self, folder: str, parts: Sequence[str]) -> str | None:
        place = re.fullmatch(r"\{(\d+)\}", folder)
        if place is None:
            return folder
        return parts[int(place[1])] if int(place[1]) < len(parts) else None


class MaskFamily:
    """Masks of one role, such as `gtFine/*/*_labelIds.png`, and the images that have one."""

    def __init__(
        self, role: tuple[str, ...], masks: Sequence[Path], images: Sequence[Path], root: Path
    ) -> None:
        self.role = role
        self._masks = masks
        self._images = images
        self._root = root

    @cached_property
    def pattern(self) -> NamePattern | None:
        """The pattern that pairs most images; None if it pairs fewer than half of the images or masks."""
        candidates = {
            pattern
            for image, mask in self._likely_pairs()
            if (pattern := self._from(image, mask)) is not None
        }
        # Of equals, such as the masks of two annotators, the first by name.
        best = min(
            candidates,
            key=lambda pattern: (-len(self._paired(pattern)), len(str(pattern)), str(pattern)),
            default=None,
        )
        least = _LEAST_PAIRED * min(len(self._images), len(self._masks))
        return best if best and len(self._paired(best)) >= least else None

    @property
    def pairs(self) -> dict[Path, Path]:
        """The masks of the images that have one."""
        return self._paired(self.pattern) if self.pattern else {}

    def _paired(self, pattern: NamePattern) -> dict[Path, Path]:
        known, plain = self._known
        found: dict[Path, Path] = {}
        for image in self._images:
            path = pattern.mask_of(image, self._root)
            mask = path and (path if path in known else plain.get(_plain_path(path)))
            if mask is not None:
                found[image] = mask
        return found

    @cached_property
    def _known(self) -> tuple[set[Path], dict[Path, Path]]:
        """The masks, and those of a plain name that no other has, as `find_masks` finds them."""
        count = Counter(map(_plain_path, self._masks))
        alone = {plain: mask for mask in self._masks if count[plain := _plain_path(mask)] == 1}
        return set(self._masks), alone

    def _likely_pairs(self) -> Iterator[tuple[Path, Path]]:
        """Some images and some masks, each with those whose names have most in common with its own."""
        for image in self._images[:_TRIED]:
            yield from ((image, mask) for mask in _nearest_names(image, self._masks))
        for mask in self._masks[:_TRIED]:
            yield from ((image, mask) for image in _nearest_names(mask, self._images))

    def _from(self, image: Path, mask: Path) -> NamePattern | None:
        affixes = _affixes_of_names(image.stem, mask.stem)
        if affixes is None:
            return None
        own = {part: place for place, part in enumerate(image.parent.relative_to(self._root).parts)}
        folders = tuple(
            f"{{{own[part]}}}" if part in own and own[part] in self._varying else part
            for part in mask.parent.relative_to(self._root).parts
        )
        return NamePattern(folders, *affixes, mask.suffix)

    @cached_property
    def _varying(self) -> set[int]:
        """Places in which the images' folders differ."""
        values: Mapping[int, set[str]] = defaultdict(set)
        for image in self._images:
            for place, part in enumerate(image.parent.relative_to(self._root).parts):
                values[place].add(part)
        return {place for place, parts in values.items() if len(parts) > 1}


def mask_families(images: Sequence[Path], masks: Sequence[Path], root: Path) -> list[MaskFamily]:
    """Masks by role: the same folders, but for those that images are in, too, last words and ending."""
    image_parts = {part for image in images for part in image.parent.relative_to(root).parts}
    found: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    for mask in masks:
        parts = mask.parent.relative_to(root).parts
        words = re.findall(r"[_\-.][A-Za-z][A-Za-z]*(?=[_\-.]|$)", mask.stem)
        folders = ("*" if part in image_parts else part for part in parts)
        found[(*folders, "".join(words[-2:]), mask.suffix)].append(mask)
    return [MaskFamily(role, paths, images, root) for role, paths in found.items()]


def _nearest_names(path: Path, others: Sequence[Path]) -> list[Path]:
    """The others with the longest common beginning and the longest common end of their names."""
    name, folders = path.stem, partial(_same_folders, path)
    by_start = max(others, key=lambda other: (_common_start_of_names(name, other.stem), folders(other)))
    by_end = max(
        others, key=lambda other: (_common_start_of_names(name[::-1], other.stem[::-1]), folders(other))
    )
    return [by_start, by_end]


def _affixes_of_names(image: str, mask: str) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """What comes before and after the common core in both names; None if they have too little in common."""
    for own, other in ((image, mask), (plain_name(image), plain_name(mask))):
        if own in other:
            before, _, after = other.partition(own)
            return ("", before), ("", after)
    if mask in image:
        before, _, after = image.partition(mask)
        return (before, ""), (after, "")
    core = _common_words_of_names(image, mask)
    if len(core) > 1 and not (_has_digit(image[len(core) :]) and _has_digit(mask[len(core) :])):
        return ("", ""), (image[len(core) :], mask[len(core) :])
    core = _common_words_of_names(image[::-1], mask[::-1])[::-1]
    return ((image[: -len(core)], mask[: -len(core)]), ("", "")) if len(core) > 1 else None


def _plain_path(path: Path) -> Path:
    return path.with_name(plain_name(path.name))


def _has_digit(text: str) -> bool:
    """Whether a rest may be a number, which names an image."""
    return any(map(str.isdigit, text))


def _common_words_of_names(first: str, second: str) -> str:
    """The common beginning of two names, up to the end of a word."""
    length = _common_start_of_names(first, second)
    while 0 < length < len(first) and first[length - 1].isalnum():
        length -= 1
    return first[:length].rstrip("_-. ")


def _common_start_of_names(first: str, second: str) -> int:
    """The number of characters that both begin with."""
    same = (a == b for a, b in zip(first, second, strict=False))
    return sum(1 for _ in takewhile(bool, same))


def _same_folders(image: Path, mask: Path) -> int:
    return len(set(image.parts) & set(mask.parts))
