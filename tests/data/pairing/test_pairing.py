"""Images and their masks, by folders, patterns and lists."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg.data import open_split
from seg.data.images.images import write_image, write_mask
from seg.data.masks.mask_split import MaskSplit
from seg.errors import DataError
from seg.spec import DatasetSpec


def draw(folder: Path, *names: str) -> None:
    """Images, and masks where the name says so, which have the number of the image as their value."""
    for number, name in enumerate(names):
        if any(word in name for word in ("mask", "label", "gtFine")):
            write_mask(folder / name, np.full((2, 3), number, np.uint8))
        else:
            write_image(folder / name, np.full((2, 3, 3), number, np.uint8))


def opened(folder: Path, train: dict[str, Any], **keys: Any) -> MaskSplit:
    values = {"train": train, "classes": list("abcdefgh"), **keys}
    split = open_split(DatasetSpec.model_validate(values, context={"folder": folder}), "train")
    assert isinstance(split, MaskSplit)
    return split


def pairs(split: MaskSplit, folder: Path) -> dict[str, str]:
    return {
        sample.id: masks[0].path.relative_to(folder).as_posix()
        for sample, masks in zip(split.samples, split.masks, strict=True)
    }


CITY = (
    "leftImg8bit/train/aachen/a_01_leftImg8bit.png",
    "gtFine/train/aachen/a_01_gtFine_labelIds.png",
    "leftImg8bit/train/bochum/b_02_leftImg8bit.png",
    "gtFine/train/bochum/b_02_gtFine_labelIds.png",
)


@pytest.mark.parametrize(
    "train",
    [
        {
            "images": "leftImg8bit/train",
            "masks": {
                "from": "leftImg8bit/{split}/{city}/{name}_leftImg8bit.png",
                "to": "gtFine/{split}/{city}/{name}_gtFine_labelIds.png",
            },
        },
        {
            "images": "leftImg8bit/train/{city}/{name}_leftImg8bit.png",
            "masks": "gtFine/train/{city}/{name}_gtFine_labelIds.png",
        },
        {
            "images": ["leftImg8bit/train/aachen", "leftImg8bit/train/bochum"],
            "masks": {
                "from": "{name}_leftImg8bit.png",
                "to": [
                    "gtFine/train/aachen/{name}_gtFine_labelIds.png",
                    "gtFine/train/bochum/{name}_gtFine_labelIds.png",
                ],
            },
        },
        {
            "images": "leftImg8bit/train",
            "masks": {
                "from": "{name}_leftImg8bit.png",
                "to": "gtFine/train/{folder}/{name}_gtFine_label*.png",
            },
        },
    ],
)
def test_images_and_masks_of_other_names(tmp_path: Path, train: dict[str, Any]) -> None:
    draw(tmp_path, *CITY)
    split = opened(tmp_path, train)
    assert pairs(split, tmp_path) == {"a_01_leftImg8bit": CITY[1], "b_02_leftImg8bit": CITY[3]}
    assert [split.labels(index)[0, 0] for index in (0, 1)] == [1, 3]


def test_masks_beside_their_images_are_no_images(tmp_path: Path) -> None:
    draw(tmp_path, "x/a.jpg", "x/a_mask.png", "x/in/b.jpg", "x/in/b_mask.png")
    assert pairs(opened(tmp_path, {"images": "x", "masks": "{stem}_mask.png"}), tmp_path) == {
        "a": "x/a_mask.png",
        "b": "x/in/b_mask.png",
    }


def test_a_mask_of_the_image_s_own_name_may_have_any_ending(tmp_path: Path) -> None:
    draw(tmp_path, "x/a.jpg", "x/b.jpg", "masks/b.png")
    np.save(tmp_path / "masks/a.npy", np.ones((2, 3), np.uint8))
    split = opened(tmp_path, {"images": "x", "masks": "masks"})
    assert pairs(split, tmp_path) == {"a": "masks/a.npy", "b": "masks/b.png"}
    assert split.labels(0).tolist() == [[1] * 3] * 2


def test_several_folders_of_a_split(tmp_path: Path) -> None:
    draw(tmp_path, "Urban/images/1.jpg", "Urban/masks/1.png", "Rural/images/1.jpg", "Rural/masks/1.png")
    train = {"images": ["Urban/images", "Rural/images"], "masks": ["Urban/masks", "Rural/masks"]}
    assert pairs(opened(tmp_path, train), tmp_path) == {
        "Urban/images/1": "Urban/masks/1.png",
        "Rural/images/1": "Rural/masks/1.png",
    }


@pytest.mark.parametrize(
    "lines",
    [
        ["b", "a"],
        ["id", "b", "a"],
        ["b.jpg", "a.jpg"],
        ["x/b.jpg", "x/a.jpg"],
        ["/elsewhere/x/b.jpg /elsewhere/masks/b.png", "/elsewhere/x/a.jpg /elsewhere/masks/a.png"],
        ["b 1 2 3", "a 1 1 1"],
    ],
)
def test_a_list_chooses_in_its_order(tmp_path: Path, lines: list[str]) -> None:
    draw(tmp_path, "x/a.jpg", "masks/a.png", "x/b.jpg", "masks/b.png", "x/c.jpg")
    (tmp_path / "train.txt").write_text("\n".join(lines))
    split = opened(tmp_path, {"images": "x", "masks": "masks", "list": "train.txt"})
    assert list(pairs(split, tmp_path)) == ["b", "a"]
    assert split.labels(0)[0, 0] == 3


def test_ids_of_placeholders(tmp_path: Path) -> None:
    draw(tmp_path, "c1/day2/slice_3_80.png", "masks/1_2_3.png")
    train = {
        "images": "c{c}/day{d}/slice_{s}_*.png",
        "id": "case{c}_day{d}_slice_{s}",
        "masks": "masks/{c}_{d}_{s}.png",
    }
    assert pairs(opened(tmp_path, train), tmp_path) == {"case1_day2_slice_3": "masks/1_2_3.png"}


@pytest.mark.parametrize(
    ("train", "problem"),
    [
        (
            {"images": "x", "masks": "masks/{city}.png"},
            r"placeholder \{city\}, which the images do not have: they have \{stem\}, \{folder\}",
        ),
        (
            {"images": "x", "masks": {"from": "{a}_b.jpg", "to": "masks/{a}.png"}},
            r"a\.jpg: does not end as 'from: \{a\}_b.jpg' says",
        ),
        (
            {"images": "x", "masks": "masks/*.png"},
            r"more than one mask \(a\.jpg: a\.png, b\.png; b\.jpg: a\.png, b\.png\): name one with",
        ),
        (
            {"images": "x", "masks": "masks/a.png{x}"},
            r"placeholder \{x\}",
        ),
        ({"images": "x", "masks": "x"}, "every image there is also a mask"),
        ({"images": "x", "id": "{city}", "masks": "masks"}, r"'id: \{city\}' has the placeholder \{city\}"),
        ({"images": "x", "id": "one", "masks": "masks"}, r"b\.jpg: has the id 'one', as .*a\.jpg has"),
        ({"images": "x/{n}.jpg", "masks": "masks/{n}.tif"}, r"masks/a\.tif: there is no such file"),
    ],
)
def test_what_does_not_pair_is_one_line(tmp_path: Path, train: dict[str, Any], problem: str) -> None:
    draw(tmp_path, "x/a.jpg", "x/b.jpg", "masks/a.png", "masks/b.png")
    with pytest.raises(DataError, match=problem):
        opened(tmp_path, train).labels(0)


def test_a_mask_of_several_images_is_refused_with_examples(tmp_path: Path) -> None:
    draw(tmp_path, "x/a_1.jpg", "x/a_2.jpg", "masks/a.png")
    with pytest.raises(DataError, match=r"1 mask would be that of .* \(a\.png: a_1\.jpg, a_2\.jpg\)"):
        opened(tmp_path, {"images": "x/{n}_{k}.jpg", "masks": "masks/{n}.png"})


def test_a_mask_of_two_images_is_refused_also_where_masks_are_found_as_images(tmp_path: Path) -> None:
    draw(tmp_path, "a/1.png", "b/1.png", "masks/1.png")
    with pytest.raises(DataError, match=r"1 mask would be that of more than one image"):
        opened(tmp_path, {"images": f"{tmp_path}/*/{{name}}.png", "masks": f"{tmp_path}/masks/{{name}}.png"})
