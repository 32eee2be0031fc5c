"""The masks of images: in a folder of the same names, by a pattern, or one for each class."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from seg.data.pairing.find_images import FoundImage
from seg.data.pairing.pattern import Captures, PathPattern, has_placeholders
from seg.data.pairing.plain_names import FilesByPlainName
from seg.errors import DataError
from seg.files.folder_walk import walk_folders
from seg.files.image_suffixes import PICTURE_SUFFIXES
from seg.spec.dataset.masks import MasksSpec
from seg.terminal.notices import notice
from seg.terminal.words import pluralise

MASK_SUFFIXES: Final = PICTURE_SUFFIXES | {".gif", ".jp2", ".npy"}
_USUAL: Final = ".png"
_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A mask of an image, which need not exist; of one class, if masks are named for each class."""

    path: Path
    of_class: str | None = None


Masks = tuple[MaskFile, ...]
"""The masks of one image."""


def find_masks(images: Sequence[FoundImage], spec: MasksSpec) -> list[Masks]:
    """The masks of each image, by name; a mask that does not exist is named as it is expected.

    Raises:
        DataError: a folder is missing, a pattern does not fit the images, or images and masks pair in more
            than one way.
    """
    if spec.of_class:
        by_class = [
            [MaskFile(path, name) for path in _find_masks_at(images, where, spec.from_)]
            for name, where in spec.of_class.items()
        ]
        of_images = _with_masks_of_plain_name(images, list(zip(*by_class, strict=True)))
        _refuse_no_masks(spec.of_class, of_images)
        return of_images
    places = spec.to or ()
    if len(places) == 1:
        places *= 1 + max(image.source for image in images)
    found: list[Masks] = []
    for source, where in enumerate(places):
        own = [image for image in images if image.source == source]
        found += [tuple(map(MaskFile, paths)) for paths in _find_masks_of_images(own, where, spec)]
    found = _with_masks_of_plain_name(images, found)
    _refuse_shared_masks(images, found)
    return found


def _with_masks_of_plain_name(images: Sequence[FoundImage], found: Sequence[Masks]) -> list[Masks]:
    """Masks that are not there become those of nearly their names, as `img_1.PNG` for `IMG_01.png`.

    What would be the mask of two images is that of neither.
    """
    wanted = {mask.path for own in found for mask in own}
    files = FilesByPlainName({image.path for image in images} | wanted)
    of_path = {path: other for path in wanted if (other := files.find(path)) not in (None, path)}
    count = Counter(of_path.values())
    renamed = {path: other for path, other in of_path.items() if other is not None and count[other] == 1}
    if renamed:
        path, other = min(renamed.items())
        more = f" ({len(renamed)} such masks)" if len(renamed) > 1 else ""
        notice(f"{other}: is taken for {path.name}: only letter case, Unicode form or zeros differ{more}")
    return [tuple(replace(mask, path=renamed.get(mask.path, mask.path)) for mask in own) for own in found]


def is_mask_pattern(where: Path) -> bool:
    """Whether masks are named by a pattern; otherwise by a folder."""
    return has_placeholders(str(where)) or "*" in where.name


def _find_masks_of_images(
    images: Sequence[FoundImage], where: Path, spec: MasksSpec
) -> list[tuple[Path, ...]]:
    """The masks of each image; more than one only where masks are united."""
    candidates = _candidate_masks(images, where, spec.from_)
    if spec.binary is None:
        _refuse_several_masks(where, images, candidates)
    return candidates


def _find_masks_at(images: Sequence[FoundImage], where: Path, from_: str | None) -> list[Path]:
    candidates = _candidate_masks(images, where, from_)
    _refuse_several_masks(where, images, candidates)
    return [paths[0] for paths in candidates]


def _candidate_masks(images: Sequence[FoundImage], where: Path, from_: str | None) -> list[tuple[Path, ...]]:
    if not is_mask_pattern(where):
        return _masks_of_same_name(images, where)
    return [_masks_of_pattern(image, where, _captures_of_image(image, from_)) for image in images]


def _captures_of_image(image: FoundImage, from_: str | None) -> Captures:
    """The placeholders of an image, of its own pattern or of `from`, which is the end of its path."""
    if from_ is None:
        return image.captures
    pattern = PathPattern(from_)
    parts = image.path.parts
    end = "/".join(parts[len(parts) - 1 - from_.count("/") :]) if "**" not in from_ else image.path.as_posix()
    try:
        found = pattern.match(end)
    except ValueError as error:
        raise DataError(f"masks: 'from: {from_}' {error}") from error
    if found is None:
        raise DataError(
            f"{image.path}: does not end as 'from: {from_}' says: correct it, or choose other images"
        )
    return {**image.captures, **found}


def _masks_of_pattern(image: FoundImage, where: Path, captures: Captures) -> tuple[Path, ...]:
    try:
        path = Path(os.path.normpath(image.path.parent / PathPattern(where.as_posix()).fill(captures)))
    except KeyError as error:
        known = ", ".join(f"{{{name}}}" for name in captures)
        raise DataError(
            f"masks: '{where}' has the placeholder {{{error.args[0]}}}, which the images do not have: they"
            f" have {known}"
        ) from error
    if "*" not in path.name:
        return (path,)
    return tuple(sorted(one for one in path.parent.glob(path.name) if one != image.path)) or (path,)


def _masks_of_same_name(images: Sequence[FoundImage], folder: Path) -> list[tuple[Path, ...]]:
    """In a folder of masks: those of the image's path below `images`, with any ending."""
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder of masks")
    of_name: Mapping[Path, list[Path]] = _masks_by_name(folder)
    endings = Counter(path.suffix for paths in of_name.values() for path in paths)
    usual = max(endings, key=lambda ending: endings[ending], default=_USUAL)
    wanted = [folder / image.captures["folder"] / image.path.stem for image in images]
    return [
        tuple(of_name.get(path, ())) or (path.with_name(path.name + usual),)
        for path in map(_normal_path, wanted)
    ]


def _normal_path(path: Path) -> Path:
    return Path(os.path.normpath(path))


def _masks_by_name(folder: Path) -> Mapping[Path, list[Path]]:
    found: dict[Path, list[Path]] = defaultdict(list)
    for path in mask_files(folder):
        found[path.with_name(path.stem)].append(path)
    return found


def mask_files(folder: Path) -> list[Path]:
    """Files in a folder that are meant as masks, by their ending."""
    return sorted(
        where / name
        for where, _, names in walk_folders(folder)
        for name in names
        if Path(name).suffix.lower() in MASK_SUFFIXES and not name.startswith(".")
    )


def _refuse_several_masks(
    where: Path, images: Sequence[FoundImage], candidates: Sequence[tuple[Path, ...]]
) -> None:
    several = [(image, paths) for image, paths in zip(images, candidates, strict=True) if len(paths) > 1]
    if several:
        examples = (f"{image.path.name}: {_names_of_masks(paths)}" for image, paths in several[:_EXAMPLES])
        raise DataError(
            f"{where}: {pluralise(len(several), 'image')} of {len(images)} have more than one mask"
            f" ({'; '.join(examples)}): name one with a pattern such as '{{stem}}{several[0][1][0].suffix}'"
        )


def _refuse_no_masks(places: Mapping[str, Path], found: Sequence[Masks]) -> None:
    """An image without a mask of a class does not show it, so a wrong place would mean that no image does."""
    nowhere = True
    by_class = list(zip(*found, strict=True))
    for where, masks in zip(places.values(), by_class, strict=True):
        if not any(mask.path.parent.is_dir() for mask in masks):
            raise DataError(f"{where}: there is no such folder of masks")
        nowhere = nowhere and not any(mask.path.exists() for mask in masks)
    if nowhere:
        examples = _names_of_masks(masks[0].path for masks in by_class)
        raise DataError(
            f"{next(iter(places.values()))}: no image has a mask of any class, such as {examples}: correct"
            " the pattern or the folder"
        )


def _refuse_shared_masks(images: Sequence[FoundImage], masks: Sequence[Masks]) -> None:
    images_of: dict[Path, list[Path]] = defaultdict(list)
    for image, own in zip(images, masks, strict=True):
        for mask in own:
            # Where masks are among the images, each is also found as its own, and is no image then.
            if mask.path != image.path:
                images_of[mask.path].append(image.path)
    shared = [(mask, paths) for mask, paths in images_of.items() if len(paths) > 1]
    if shared:
        examples = (f"{mask.name}: {_names_of_masks(paths)}" for mask, paths in shared[:_EXAMPLES])
        raise DataError(
            f"{shared[0][0]}: {pluralise(len(shared), 'mask')} would be that of more than one image"
            f" ({'; '.join(examples)}): name masks by a pattern with more of the image's path"
        )


def _names_of_masks(paths: Iterable[Path]) -> str:
    listed = [path.name for path in paths]
    return ", ".join(listed[:_EXAMPLES]) + (", ..." if len(listed) > _EXAMPLES else "")
