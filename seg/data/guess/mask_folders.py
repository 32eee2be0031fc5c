"""Images and masks in folders: which masks are of which images, in each split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seg.data.guess.mask_classes import MaskClasses, classes_of, content_of
from seg.data.guess.pair_names import MaskFamily, families_of
from seg.data.guess.result import Guess
from seg.data.guess.roles import images_and_masks
from seg.data.guess.split_keys import images_key, split_keys
from seg.data.guess.split_lists import split_lists
from seg.data.guess.survey import Survey, by_split, common_folder
from seg.spec.dataset import SplitName


@dataclass(frozen=True, slots=True)
class _Labelled:
    """The images of a split, and the masks that were chosen."""

    images: Sequence[Path]
    family: MaskFamily
    others: Sequence[MaskFamily]


def guess_masks(found: Survey) -> Guess | None:
    """Masks in any folders and of any names that tell their image; None if no image has one."""
    images, masks = images_and_masks(found.folder, found.pictures)
    images_of, masks_of = by_split(images, found.folder), by_split(masks, found.folder)
    labelled: dict[SplitName | None, _Labelled] = {}
    for name, own in images_of.items():
        if (chosen := _chosen(own, masks_of.get(name) or masks_of.get(None, []), found.folder)) is not None:
            labelled[name] = chosen
    name = "train" if "train" in labelled else None
    if name not in labelled:
        return None
    train = labelled[name]
    classes = classes_of(found, list(train.family.pairs.values()))
    unsure = [*classes.unsure, *_others(found, train)]
    splits = _splits(found, labelled, images_of, classes, unsure)
    return Guess("images and masks", {**splits, **classes.dataset}, tuple(unsure))


def _chosen(images: Sequence[Path], masks: Sequence[Path], root: Path) -> _Labelled | None:
    """The masks that pair most images; of several, ids rather than colours or instances."""
    families = [family for family in families_of(images, masks, root) if family.pattern]
    families.sort(key=lambda family: (-len(family.pairs), _rank(family)))
    return _Labelled(images, families[0], families[1:]) if families else None


def _rank(family: MaskFamily) -> tuple[int, bool, str]:
    words = " ".join(family.role).lower()
    usual = ("labelids", "class", "mask")
    unusual = ("instance", "object", "color", "colour", "trainids")
    place = next((number for number, word in enumerate(usual) if word in words), len(usual))
    content = content_of(list(family.pairs.values())[:1])
    return place + 10 * any(word in words for word in unusual), bool(content.colours), words


def _splits(
    found: Survey,
    labelled: dict[SplitName | None, _Labelled],
    images_of: dict[SplitName | None, list[Path]],
    classes: MaskClasses,
    unsure: list[str],
) -> dict[str, Any]:
    train = labelled.get("train") or labelled[None]
    keys = split_keys(train.images, train.family, found.folder, classes.masks)
    lists = split_lists(found, train.images) if "train" not in labelled else {}
    splits: dict[str, Any] = {"train": keys | ({"list": lists.get("train") or lists[None]} if lists else {})}
    if "val" in labelled:
        splits["val"] = split_keys(
            labelled["val"].images, labelled["val"].family, found.folder, classes.masks
        )
    elif "val" in lists:
        splits["val"] = keys | {"list": lists["val"]}
    else:
        splits["val"] = 0.2
        unsure.append(
            "val: a random fifth of the training images; images of one scene belong together: see 'group'"
        )
    if "predict" in labelled:
        test = labelled["predict"]
        splits["predict"] = split_keys(test.images, test.family, found.folder, classes.masks)
    elif "predict" in images_of:
        splits["predict"] = {"images": images_key(images_of["predict"])}
    elif "predict" in lists:
        splits["predict"] = {"images": common_folder(train.images), "list": lists["predict"]}
    without = [image for image in train.images if image not in train.family.pairs]
    if without and not lists:
        unsure.append(
            f"train: {len(without)} images have no mask, such as {found.inner(without[0])}: name a 'list'"
        )
    return splits


def _others(found: Survey, train: _Labelled) -> list[str]:
    """Other masks that would pair with the images as well."""
    examples = [next(iter(family.pairs.values())) for family in train.others if len(family.pairs) > 0]
    if not examples:
        return []
    return [f"masks: there are also {', '.join(found.inner(path) for path in examples[:3])}"]
