"""Images and masks in folders: which masks are of which images, in each split."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seg.data.guess.held_out import guess_val
from seg.data.guess.masks.class_masks import class_of_family, is_jpeg_name, masks_of_objects
from seg.data.guess.masks.mask_classes import MaskClasses, classes_of_masks, content_of_masks
from seg.data.guess.masks.pair_names import MaskFamily, mask_families
from seg.data.guess.masks.roles import images_and_masks, means_image
from seg.data.guess.result import ONE_CLASS_A_PIXEL, Guess
from seg.data.guess.split_keys import images_key, split_keys
from seg.data.guess.split_lists import split_lists
from seg.data.guess.survey import FolderSurvey, common_folder, paths_by_split
from seg.spec.dataset.dataset import SplitName


@dataclass(frozen=True, slots=True)
class _MaskedImages:
    """The images of a split, and the masks that were chosen."""

    images: Sequence[Path]
    family: MaskFamily
    others: Sequence[MaskFamily]
    of_class: Mapping[str, MaskFamily]

    def unlabelled_folders(self) -> list[Path]:
        """The images of folders in which none has a mask of any class, as nnU-Net's `imagesTs`.

        Empty if each image has a folder of its own.
        """
        with_masks = {image.parent for image in self.paired}
        if len(with_masks) == len(self.paired):
            return []
        return [image for image in self.images if image.parent not in with_masks]

    def folders_of_other_pictures(self) -> list[Path]:
        """The pictures of folders whose masks are also those of another folder's, as drawings of labels.

        Kept is the folder that is named after images, or else the first.
        """
        masks_in: dict[Path, set[Path]] = defaultdict(set)
        for image, mask in self.family.pairs.items():
            masks_in[image.parent].add(mask)
        known: set[Path] = set()
        others: set[Path] = set()
        for folder in sorted(masks_in, key=lambda folder: (not means_image(folder.name), folder)):
            (others.add(folder) if masks_in[folder] & known else known.update(masks_in[folder]))
        return [image for image in self.images if image.parent in others]

    def without_unlabelled_folders(self) -> "_MaskedImages":
        left_out = set(self.unlabelled_folders())
        return replace(self, images=[image for image in self.images if image not in left_out])

    @property
    def paired(self) -> set[Path]:
        """The images that have a mask of any class."""
        return {image for family in self.of_class.values() or (self.family,) for image in family.pairs}

    def keys(self, root: Path, encoding: Mapping[str, Any]) -> dict[str, Any]:
        """`images` and `masks` of the split."""
        if not self.of_class:
            return split_keys(self.images, self.family, root, encoding)
        by_class = {name: split_keys(self.images, one, root, {}) for name, one in self.of_class.items()}
        masks = {name: keys["masks"] for name, keys in by_class.items()}
        return {**next(iter(by_class.values())), "masks": {"of_class": masks, **encoding}}


def guess_mask_folders(found: FolderSurvey) -> Guess | None:
    """Masks in any folders and of any names that tell their image; None if no image has one."""
    images, masks = images_and_masks(found.folder, found.pictures)
    images_of, masks_of = paths_by_split(images, found.folder), paths_by_split(masks, found.folder)
    labelled: dict[SplitName | None, _MaskedImages] = {}
    left_out: list[Path] = []
    drawn: list[Path] = []
    for name, own in list(images_of.items()):
        masks_of_split = masks_of.get(name) or masks_of.get(None, [])
        chosen = _choose_mask_family(own, masks_of_split, found.folder)
        if chosen is not None and (others := set(chosen.folders_of_other_pictures())):
            drawn += sorted(others)
            kept = [image for image in own if image not in others]
            chosen = _choose_mask_family(kept, masks_of_split, found.folder)
        if chosen is not None:
            labelled[name] = chosen.without_unlabelled_folders()
            left_out += chosen.unlabelled_folders()
    if left_out:
        images_of.setdefault("predict", left_out)
    name = "train" if "train" in labelled else None
    if name not in labelled:
        return None
    train = labelled[name]
    if train.of_class:
        classes = MaskClasses({"task": "multilabel", "classes": list(train.of_class)})
        if is_jpeg_name(next(iter(train.family.pairs.values()))):
            classes.masks["binary"] = 127
        classes.unsure.append(f"task: a file for each class, so classes may overlap; {ONE_CLASS_A_PIXEL}")
    else:
        classes = classes_of_masks(found, list(train.family.pairs.values()))
    unsure = [*classes.unsure, *_other_mask_families(found, train)]
    if left_out:
        unsure.append(f"train: without folders that have no masks, such as {found.inner(left_out[0].parent)}")
    splits = _guess_mask_splits(found, labelled, images_of, classes, unsure)
    if name == "train" and None in labelled:
        example = found.inner(labelled[None].images[0])
        unsure.append(f"train: without images whose folders name no split, such as {example}")
    if drawn:
        unsure.append(f"train: without {found.inner(drawn[0].parent)}, whose pictures have the same masks")
    return Guess("images and masks", {**splits, **classes.dataset}, tuple(unsure))


def guess_object_masks(found: FolderSurvey) -> Guess | None:
    """A mask for each object in a folder beside that of the image, as in `0a7d/images` and `0a7d/masks`."""
    images, masks = images_and_masks(found.folder, found.pictures)
    images_of = paths_by_split(images, found.folder)
    train = images_of.get("train") or images_of.get(None, [])
    pairs = masks_of_objects(train, masks)
    if not pairs:
        return None
    image, (mask, *_) = next(iter(pairs.items()))
    where = image.parent.parent.parent / "{group}"
    val, about_val = guess_val(train)
    dataset: dict[str, Any] = {
        "train": {
            "images": where / image.parent.name / f"*{image.suffix}",
            "masks": {"to": where / mask.parent.name / f"*{mask.suffix}", "binary": 127},
        },
        "val": val,
    }
    if "predict" in images_of:
        dataset["predict"] = {"images": images_key(images_of["predict"])}
    unsure = ("masks: a file for each object, which are united", about_val)
    return Guess("a mask for each object", {**dataset, "task": "binary", "classes": ["foreground"]}, unsure)


def _choose_mask_family(images: Sequence[Path], masks: Sequence[Path], root: Path) -> _MaskedImages | None:
    """The masks that pair most images; of several, ids rather than colours or instances."""
    families = [family for family in mask_families(images, masks, root) if family.pattern]
    families.sort(key=lambda family: (-len(family.pairs), _rank_of_mask_family(family), family.role))
    if not families:
        return None
    first = min(
        families,
        key=lambda family: (-len(family.pairs), _rank_of_mask_family(family), len("".join(family.role))),
    )
    of_class = class_of_family(families)
    others = [family for family in families if family is not first and family not in of_class.values()]
    return _MaskedImages(images, first, others, of_class)


def _rank_of_mask_family(family: MaskFamily) -> tuple[int, bool]:
    words = " ".join(family.role).lower()
    usual = ("labelids", "manual", "class", "label", "mask")
    unusual = ("instance", "object", "color", "colour", "trainids", "edge", "border", "boundar", "contour")
    place = next((number for number, word in enumerate(usual) if word in words), len(usual))
    content = content_of_masks(list(family.pairs.values())[:1])
    return place + 10 * any(word in words for word in unusual), bool(content.colours)


def _guess_mask_splits(
    found: FolderSurvey,
    labelled: dict[SplitName | None, _MaskedImages],
    images_of: dict[SplitName | None, list[Path]],
    classes: MaskClasses,
    unsure: list[str],
) -> dict[str, Any]:
    train = labelled.get("train") or labelled[None]
    keys = train.keys(found.folder, classes.masks)
    lists = split_lists(found, train.images) if "train" not in labelled else {}
    splits: dict[str, Any] = {"train": keys | ({"list": lists.get("train") or lists[None]} if lists else {})}
    if "val" in labelled:
        splits["val"] = labelled["val"].keys(found.folder, classes.masks)
    elif "val" in lists:
        splits["val"] = keys | {"list": lists["val"]}
    else:
        splits["val"], about_val = guess_val(train.images)
        unsure.append(about_val)
    if "predict" in labelled:
        splits["predict"] = labelled["predict"].keys(found.folder, classes.masks)
    elif "predict" in images_of:
        splits["predict"] = {"images": images_key(images_of["predict"])}
    elif "predict" in lists:
        splits["predict"] = {"images": common_folder(train.images), "list": lists["predict"]}
    if not lists:
        unsure += _without_masks(found, train)
    return splits


def _without_masks(found: FolderSurvey, train: _MaskedImages) -> list[str]:
    """That images have no mask, if some have none of any class."""
    paired = train.paired
    without = [image for image in train.images if image not in paired]
    if not without:
        return []
    what = " of any class, which means that they show none" if train.of_class else ""
    example = found.inner(without[0])
    return [
        f"train: {len(without)} images have no mask{what}, such as {example}: name a 'list' of those with"
        " labels"
    ]


def _other_mask_families(found: FolderSurvey, train: _MaskedImages) -> list[str]:
    """Other masks that would pair with the images as well."""
    examples = [next(iter(family.pairs.values())) for family in train.others if len(family.pairs) > 0]
    if not examples:
        return []
    return [f"masks: there are also {', '.join(found.inner(path) for path in examples[:3])}"]
