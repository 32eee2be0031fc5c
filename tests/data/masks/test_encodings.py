"""Label maps from masks of every format and encoding, compared with what was drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from seg.data import open_split
from seg.data.images.images import write_image
from seg.data.masks.colour_masks import ColourMasks
from seg.data.masks.mask_values import read_mask_values
from seg.errors import DataError
from seg.labels.label_map import IGNORE_INDEX
from seg.spec import DatasetSpec

LABELS = np.array([[0, 1, 2, 2], [1, 1, 0, 2]], np.uint8)
COLOURS = np.array([[0, 0, 0], [200, 10, 30], [10, 200, 255]], np.uint8)


def labels(folder: Path, masks: Any, classes: Any = ("a", "b", "c"), **keys: Any) -> Any:
    write_image(folder / "x/i.png", np.zeros((*LABELS.shape, 3), np.uint8))
    values = {"train": {"images": "x", "masks": masks}, "classes": classes, **keys}
    return open_split(DatasetSpec.model_validate(values, context={"folder": folder}), "train").labels(0)


def save(folder: Path, name: str, pixels: NDArray[Any], **options: Any) -> None:
    (folder / "m").mkdir(exist_ok=True)
    if name.endswith(".npy"):
        np.save(folder / "m" / name, pixels)
    else:
        Image.fromarray(pixels).save(folder / "m" / name, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("i.png", {}),
        ("i.tif", {"compression": "tiff_lzw"}),
        ("i.gif", {}),
        ("i.bmp", {}),
        ("i.webp", {"lossless": True}),
        ("i.jp2", {"irreversible": False}),
        ("i.npy", {}),
    ],
)
def test_index_masks_of_every_format(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    save(tmp_path, name, LABELS, **options)
    assert labels(tmp_path, "m").tolist() == LABELS.tolist()


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64, np.float32, np.uint8])
def test_arrays_of_whole_numbers(tmp_path: Path, dtype: Any) -> None:
    save(tmp_path, "i.npy", LABELS.astype(dtype)[None])
    assert labels(tmp_path, "m").tolist() == LABELS.tolist()


def test_masks_of_8_bits_may_have_no_instance(tmp_path: Path) -> None:
    save(tmp_path, "i.npy", LABELS.astype(np.uint8))
    assert labels(tmp_path, {"to": "m", "divide": 1000}).tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("pixels", "problem"),
    [
        (LABELS + 0.5, "has fractions"),
        (LABELS + 1e300, r"has the value 1e\+300"),
        (LABELS.astype(np.int16) - 1, "has the value -1"),
        (np.zeros((2, 4, 5), np.uint8), r"has the shape \[2, 4, 5\]"),
        (
            LABELS.astype(np.uint16) * 1000,
            r"has pixel values 1000 \(3 pixels\), 2000 \(3 pixels\), the id of no class",
        ),
    ],
)
def test_other_arrays_are_one_line(tmp_path: Path, pixels: NDArray[Any], problem: str) -> None:
    save(tmp_path, "i.npy", pixels)
    with pytest.raises(DataError, match=rf"m/i\.npy: {problem}"):
        labels(tmp_path, "m")


def test_a_palette_counts_by_its_indexes(tmp_path: Path) -> None:
    image = Image.fromarray(LABELS)
    image.putpalette([9, 9, 9, 1, 2, 3, 4, 5, 6])
    (tmp_path / "m").mkdir()
    image.save(tmp_path / "m/i.gif")
    assert labels(tmp_path, "m").tolist() == LABELS.tolist()


def coloured() -> list[dict[str, Any]]:
    return [{"name": n, "colour": c} for n, c in zip("abc", COLOURS.tolist(), strict=True)]


@pytest.mark.parametrize("name", ["i.png", "i.tif", "i.bmp", "i.npy"])
def test_colour_masks(tmp_path: Path, name: str) -> None:
    save(tmp_path, name, COLOURS[LABELS])
    assert labels(tmp_path, "m", coloured()).tolist() == LABELS.tolist()


def test_colours_of_no_class_are_counted_and_named(tmp_path: Path) -> None:
    pixels = COLOURS[LABELS]
    pixels[0, :2] = [7, 8, 9]
    save(tmp_path, "i.png", pixels)
    with pytest.raises(DataError, match=r"m/i\.png: has colours 7,8,9 \(2 pixels\), of no class"):
        labels(tmp_path, "m", coloured())
    found = labels(tmp_path, "m", coloured(), unlabelled_colours=[[7, 8, 9]])
    assert found[0].tolist() == [IGNORE_INDEX, IGNORE_INDEX, 2, 2]


def test_classes_that_are_not_learnt_are_unlabelled(tmp_path: Path) -> None:
    save(tmp_path, "i.png", COLOURS[LABELS])
    found = labels(tmp_path, "m", coloured(), unlabelled_classes=["a"])
    assert found.tolist() == np.array([IGNORE_INDEX, 0, 1])[LABELS].tolist()


@given(
    noise=st.integers(0, 9),
    seed=st.integers(0, 99),
    colours=st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=2, max_size=6, unique=True),
)
def test_near_colours_against_brute_force(noise: int, seed: int, colours: list[tuple[int, int, int]]) -> None:
    random = np.random.default_rng(seed)
    pixels = np.clip(
        np.array(colours)[random.integers(len(colours), size=(4, 5))]
        + random.integers(-noise, noise + 1, (4, 5, 3)),
        0,
        255,
    ).astype(np.uint8)
    masks = ColourMasks({colour: n for n, colour in enumerate(colours)}, np.dtype(np.uint8), noise)
    found = masks.labels_of(pixels, Path("m.png"))
    distance = abs(pixels[:, :, None].astype(int) - np.array(colours)).max(-1)
    assert (np.take_along_axis(distance, found[..., None].astype(int), -1)[..., 0] == distance.min(-1)).all()


def test_a_jpeg_is_read_where_near_values_will_do(tmp_path: Path) -> None:
    large = np.kron(LABELS, np.ones((16, 16), np.uint8))
    save(tmp_path, "i.jpg", COLOURS[large], quality=95, subsampling=0)
    found = labels(tmp_path, {"to": "m", "tolerance": 60}, coloured())
    assert np.mean(found == large) > 0.99
    with pytest.raises(DataError, match="is a JPEG, which changes pixel values"):
        labels(tmp_path, "m", coloured())


@pytest.mark.parametrize("values", [(0, 255), (0, 65535), (100, 200), (0, 1)])
def test_binary_masks_of_any_two_values(tmp_path: Path, values: tuple[int, int]) -> None:
    drawn = (LABELS > 0).astype(np.uint8)
    save(tmp_path, "i.png", np.array(values, np.uint16 if values[1] > 255 else np.uint8)[drawn])
    found = labels(tmp_path, {"to": "m", "binary": sum(values) / 2}, ("no", "yes"))
    assert found.tolist() == drawn.tolist()


def test_several_masks_of_an_image_are_united(tmp_path: Path) -> None:
    for value in (1, 2):
        save(tmp_path, f"i_{value}.png", np.where(value == LABELS, 255, 0).astype(np.uint8))
    found = labels(tmp_path, {"to": "m/{stem}_*.png", "binary": 127}, ("no", "yes"))
    assert found.tolist() == (LABELS > 0).tolist()


def test_a_mask_for_each_class(tmp_path: Path) -> None:
    save(tmp_path, "i_b.png", (LABELS == 1).astype(np.uint8) * 255)
    save(tmp_path, "i_c.png", (LABELS == 2).astype(np.uint8))
    named = {"b": "m/{stem}_b.png", "c": "m/{stem}_c.png"}
    assert labels(tmp_path, {"of_class": named}, unlabelled="a").tolist() == LABELS.tolist()
    (tmp_path / "m/i_c.png").unlink()
    assert labels(tmp_path, {"of_class": named}, unlabelled="a").tolist() == (LABELS == 1).tolist()
    with pytest.raises(DataError, match=r"no image has a mask of any class, such as i_bb\.png, i_c\.png"):
        labels(tmp_path, {"of_class": named | {"b": "m/{stem}_bb.png"}}, unlabelled="a")
    with pytest.raises(DataError, match=r"mm/\{stem\}_c\.png: there is no such folder"):
        labels(tmp_path, {"of_class": named | {"c": "mm/{stem}_c.png"}}, unlabelled="a")


def test_masks_of_classes_that_were_saved_as_jpeg(tmp_path: Path) -> None:
    large = np.kron(LABELS, np.ones((8, 8), np.uint8))
    write_image(tmp_path / "x/i.png", np.zeros((*large.shape, 3), np.uint8))
    for name in "bc":
        save(tmp_path, f"i_{name}.jpg", (large == "abc".index(name)).astype(np.uint8) * 255, quality=90)
    masks = {"of_class": {name: f"m/{{stem}}_{name}.jpg" for name in "bc"}, "binary": 127}
    values = {"train": {"images": "x", "masks": masks}, "task": "multilabel", "classes": ["b", "c"]}
    dataset = DatasetSpec.model_validate(values, context={"folder": tmp_path})
    assert open_split(dataset, "train").labels(0).tolist() == large.tolist(), "bit 0 is b, bit 1 is c"


def test_instance_ids(tmp_path: Path) -> None:
    values = np.array([[7, 24001, 24002, 0], [7000, 26000, 26999, 0]], np.uint16)
    save(tmp_path, "i.png", values)
    classes = [{"name": n, "id": number} for n, number in (("road", 7), ("person", 24), ("car", 26))]
    found = labels(tmp_path, {"to": "m", "divide": 1000}, classes, unlabelled_values=[0])
    assert found.tolist() == [[0, 1, 1, IGNORE_INDEX], [0, 2, 2, IGNORE_INDEX]]


@pytest.mark.parametrize(
    "data", [b"GIF89a", b"\x93NUMPY", b"\0\0\0\x0cjP  \r\n", b"\xff\x4f\xff\x51", b"II*\0"]
)
def test_damaged_masks_are_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m.png"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"m\.png: is cut off or damaged"):
        read_mask_values(path)


@pytest.mark.parametrize(
    ("masks", "problem"),
    [
        ({"to": "m", "binary": 127}, "'binary' masks are of two classes, and there are 3"),
        ({"of_class": {"bb": "m"}}, "'of_class' has 'bb', which is no class: did you mean 'b'"),
        ({"to": "m", "of_class": {"b": "m"}}, "give one of them"),
        ({"to": "m", "divide": 10, "tolerance": 3}, "'tolerance' and 'divide' exclude each other"),
    ],
)
def test_encodings_that_do_not_fit_the_classes_are_refused(
    tmp_path: Path, masks: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem):
        labels(tmp_path, masks)


def test_an_animation_is_no_mask(tmp_path: Path) -> None:
    first, second = Image.fromarray(LABELS), Image.fromarray(LABELS[::-1].copy())
    (tmp_path / "m").mkdir()
    first.save(tmp_path / "m/i.gif", save_all=True, append_images=[second])
    with pytest.raises(DataError, match=r"m/i\.gif: has 2 pictures, and a mask has one"):
        labels(tmp_path, "m")
