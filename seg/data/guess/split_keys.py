"""The keys of a split whose images and masks are known: as short as they can be."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seg.data.guess.masks.pair_names import MaskFamily, NamePattern
from seg.data.guess.survey import common_folder
from seg.data.images.image_files import image_files_in


def images_key(images: Sequence[Path]) -> Path:
    """The folder of images."""
    return common_folder(images)


def split_keys(
    images: Sequence[Path], family: MaskFamily, root: Path, encoding: Mapping[str, Any]
) -> dict[str, Any]:
    """`images` and `masks` of a split; `encoding` are further keys of the masks."""
    pattern, pairs = family.pattern, family.pairs
    assert pattern is not None
    where = common_folder(images)
    masks: Path | str
    if (folder := _folder_of_same_names(where, pairs)) is not None:
        keys: dict[str, Any] = {"images": _folder_or_pattern(images, pairs)}
        masks = folder
    elif _are_beside(pairs) and not pattern.before[0] and not pattern.after[0]:
        keys, masks = (
            {"images": _folder_or_pattern(images, pairs)},
            f"{pattern.before[1]}{{stem}}{pattern.after[1]}{pattern.suffix}",
        )
    else:
        keys, masks = _patterns_of_images_and_masks(images, pattern, root)
    keys["masks"] = {"to": masks, **encoding} if encoding else masks
    return keys


def _are_beside(pairs: Mapping[Path, Path]) -> bool:
    """Whether masks are in the folders of their images."""
    return all(image.parent == mask.parent for image, mask in pairs.items())


def _folder_or_pattern(images: Sequence[Path], pairs: Mapping[Path, Path]) -> Path:
    """The folder of the images; where other pictures are there, too, that are not their masks, a pattern."""
    where = common_folder(images)
    others = set(image_files_in(where)) - set(images) - set(pairs.values())
    if not others:
        return where
    is_deep = any(image.parent != where for image in images)
    return where / ("**/" if is_deep else "") / f"*{images[0].suffix}"


def _folder_of_same_names(where: Path, pairs: Mapping[Path, Path]) -> Path | None:
    """The folder in which masks have the names of their images; None if they have other names."""
    folder = common_folder(list(pairs.values()))
    same = all(
        image.parent.relative_to(where) == mask.parent.relative_to(folder) and image.stem == mask.stem
        for image, mask in pairs.items()
    )
    names = [path.with_suffix("") for path in folder.rglob("*") if path.is_file()]
    return folder if same and folder != where and len(names) == len(set(names)) else None


def _patterns_of_images_and_masks(
    images: Sequence[Path], pattern: NamePattern, root: Path
) -> tuple[dict[str, Any], Path]:
    """Patterns of images and masks with a placeholder for each folder in which images differ."""
    parts = [image.parent.relative_to(root).parts for image in images]
    depth = max(map(len, parts))
    columns = [{own[place] for own in parts if place < len(own)} for place in range(depth)]
    varying = [place for place, values in enumerate(columns) if len(values) > 1]
    names = {place: f"group{number or ''}" for number, place in enumerate(varying)}
    folders = [
        f"{{{names[place]}}}" if place in names else next(iter(values))
        for place, values in enumerate(columns)
    ]
    suffixes = {image.suffix for image in images}
    ending = suffixes.pop() if len(suffixes) == 1 else ".*"
    used = {int(folder[1:-1]) for folder in pattern.folders if folder.startswith("{")}
    of_mask = [
        f"{{{names[int(folder[1:-1])]}}}" if folder.startswith("{") else folder for folder in pattern.folders
    ]
    if not varying and not pattern.before[0] and not pattern.after[0]:
        name = f"{pattern.before[1]}{{stem}}{pattern.after[1]}{pattern.suffix}"
        return {"images": _folder_or_pattern(images, {})}, root.joinpath(*of_mask, name)
    folders = [
        "*" if place in names and place not in used else folder for place, folder in enumerate(folders)
    ]
    image = f"{pattern.before[0]}{{name}}{pattern.after[0]}{ending}"
    mask = f"{pattern.before[1]}{{name}}{pattern.after[1]}{pattern.suffix}"
    return {"images": root.joinpath(*folders, image)}, root.joinpath(*of_mask, mask)
