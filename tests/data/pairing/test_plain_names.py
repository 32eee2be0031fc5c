"""Masks whose names differ from their images' in letter case, Unicode form or leading zeros."""

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seg.data import open_split
from seg.data.guess import guess_dataset
from seg.data.guess.write import yaml_of_guess
from seg.data.images.images import write_image
from seg.data.masks.mask_split import MaskSplit
from seg.data.pairing.plain_names import plain_name
from seg.spec import DatasetSpec, load_dataset

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Größe") for form in ("NFC", "NFD"))


def draw(folder: Path, images: list[str], masks: list[str]) -> None:
    for number, name in enumerate(images):
        random = np.random.default_rng(number)
        write_image(folder / "images" / name, random.integers(0, 256, (9, 9, 3), np.uint8))
    for number, name in enumerate(masks):
        (folder / "masks").mkdir(exist_ok=True)
        Image.fromarray(np.full((9, 9), number, np.uint8)).save(folder / "masks" / name)


def masks_of(folder: Path, masks: Any, **keys: Any) -> list[str | None]:
    """The names of each image's masks; None for one that is not there."""
    values = {"train": {"images": "images", "masks": masks}, "classes": list("abcdefgh"), **keys}
    split = open_split(DatasetSpec.model_validate(values, context={"folder": folder}), "train")
    assert isinstance(split, MaskSplit)
    files = [mask.path for own in split.masks for mask in own]
    return [path.name if path.exists() else None for path in files]


@pytest.mark.parametrize(
    ("name", "plain"),
    [("IMG_0012.PNG", "img_12.png"), ("a0b00c100", "a0b0c100"), ("000", "0"), (DECOMPOSED, "grösse")],
)
def test_plain_names(name: str, plain: str) -> None:
    assert plain_name(name) == plain


@pytest.mark.parametrize("masks", ["masks", "masks/{stem}.png"])
def test_nearly_equal_names_pair(masks: str, tmp_path: Path) -> None:
    draw(tmp_path, ["A1.png", f"{COMPOSED}.png", "x_7.png"], ["a1.png", f"{DECOMPOSED}.png", "x_0007.png"])
    assert masks_of(tmp_path, masks) == ["a1.png", f"{DECOMPOSED}.png", "x_0007.png"]


def test_a_mask_of_another_ending_pairs_in_a_folder(tmp_path: Path) -> None:
    draw(tmp_path, ["A1.png", "B1.png"], ["a1.tif", "b1.tif"])
    assert masks_of(tmp_path, "masks") == ["a1.tif", "b1.tif"]


@pytest.mark.parametrize(
    ("masks", "found"),
    [
        (["1.png", "01.png"], [None, "01.png", "1.png"]),
        (["01.png"], [None, "01.png", None]),
        (["0001.png"], [None, None, None]),
    ],
)
def test_the_mask_of_one_image_is_not_that_of_another(
    masks: list[str], found: list[str | None], tmp_path: Path
) -> None:
    draw(tmp_path, ["001.png", "01.png", "1.png"], masks)
    assert masks_of(tmp_path, "masks") == found


def test_a_guess_finds_them(tmp_path: Path) -> None:
    draw(tmp_path, [f"IMG_{n}.png" for n in range(4)], [f"img_{n}_mask.png" for n in range(4)])
    (tmp_path / "dataset.yaml").write_text(yaml_of_guess(guess_dataset(tmp_path), tmp_path))
    dataset = load_dataset(tmp_path / "dataset.yaml").model_copy(update={"val": None})
    split = open_split(dataset, "train")
    assert [split.labels(n)[0, 0] for n in range(4)] == [0, 1, 2, 3]
