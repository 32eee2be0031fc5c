"""Images and masks read by region: the same pixels and labels as decoded whole, in every encoding."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from seg.data import open_split
from seg.data.images import raster
from seg.data.images.images import read_image
from seg.data.images.raster import open_raster, size_if_large
from seg.data.images.windowed_image import WindowedImage
from seg.data.regions import tiled_copy
from seg.data.regions.label_raster import LabelRaster
from seg.errors import DataError
from seg.spec.dataset.dataset import DatasetSpec

rasterio = pytest.importorskip("rasterio")

SIZE_HW = (70, 90)
PLACES = (slice(0, 70), slice(0, 90)), (slice(11, 30), slice(60, 90)), (slice(69, 70), slice(0, 1))


@pytest.fixture
def all_are_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(raster, "LARGE", 100)
    monkeypatch.setattr(tiled_copy, "TILE", 16)
    monkeypatch.setattr(tiled_copy, "ROWS_AT_ONCE", 16)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def noise(*shape: int, most: int = 256, dtype: Any = np.uint8) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, most, size=shape, dtype=dtype)


@pytest.mark.parametrize("name", ["a.png", "grey.png", "alpha.png", "a.jpg", "grey.jpg"])
@pytest.mark.usefixtures("all_are_large")
def test_images_that_have_no_regions_are_copied_once(name: str, tmp_path: Path) -> None:
    bands = {"grey": 1, "alpha": 4}.get(name.partition(".")[0], 3)
    pixels = noise(*SIZE_HW, bands)
    pixels[..., 3:] = 255
    path = tmp_path / name
    Image.fromarray(pixels.squeeze()).save(path)

    opened = open_raster(path)
    assert isinstance(opened, WindowedImage)
    for place in PLACES:
        np.testing.assert_array_equal(opened[place], read_image(path)[place])
    [copy] = (tmp_path / "cache/seg/tiled").iterdir()
    made = copy.stat().st_mtime_ns
    open_raster(path)
    assert copy.stat().st_mtime_ns == made

    Image.fromarray(noise(*SIZE_HW, 3, most=9)).save(path)
    np.testing.assert_array_equal(open_raster(path)[PLACES[1]], read_image(path)[PLACES[1]])


@pytest.mark.usefixtures("all_are_large")
def test_a_large_jpeg_is_read_upright(tmp_path: Path) -> None:
    turned = Image.fromarray(noise(*SIZE_HW, 3))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif)

    assert size_if_large(tmp_path / "turned.jpg") == SIZE_HW[::-1]
    whole_hwc = read_image(tmp_path / "turned.jpg")
    np.testing.assert_array_equal(open_raster(tmp_path / "turned.jpg")[50:90, 3:9], whole_hwc[50:90, 3:9])


@pytest.mark.usefixtures("all_are_large")
def test_a_png_that_is_cut_off_is_one_line_and_leaves_no_copy(tmp_path: Path) -> None:
    Image.fromarray(noise(*SIZE_HW, 3)).save(tmp_path / "cut.png")
    data = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"cut\.png: is cut off or damaged"):
        open_raster(tmp_path / "cut.png")
    assert not list((tmp_path / "cache/seg/tiled").glob("*"))


def test_small_files_are_not_large(tmp_path: Path) -> None:
    Image.fromarray(noise(*SIZE_HW, 3)).save(tmp_path / "a.png")
    assert size_if_large(tmp_path / "a.png") is None
    assert isinstance(open_raster(tmp_path / "a.png"), np.ndarray)
    assert size_if_large(tmp_path / "missing.png") is None


COLOUR_OF = {"a": [9, 0, 0], "b": [0, 9, 0], "c": [0, 0, 9]}
CLASSES = [{"name": name, "colour": colour} for name, colour in COLOUR_OF.items()]
COLOURS = np.array([one["colour"] for one in CLASSES], dtype=np.uint8)


def save(path: Path, values: NDArray[Any], *, palette: bool = False) -> None:
    path.parent.mkdir(exist_ok=True)
    picture = Image.fromarray(values)
    if palette:
        picture = picture.convert("P")
        picture.putdata(values.ravel().tolist())
        picture.putpalette(COLOURS.ravel().tolist() + [0] * (768 - COLOURS.size))
    picture.save(path)


def split_with(folder: Path, masks: Any, **more: Any) -> Any:
    save(folder / "images/x.png", noise(*SIZE_HW, 3))
    document = {"train": {"images": folder / "images", "masks": masks}, "classes": ["a", "b", "c"], **more}
    return open_split(DatasetSpec.model_validate(document), "train")


def assert_same_by_region(split: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_hw = split.labels(0)
    assert len(np.unique(whole_hw)) > 1
    monkeypatch.setattr(raster, "LARGE", 100)
    by_region: LabelRaster = split.open_labels(0)
    assert not isinstance(by_region, np.ndarray)
    assert by_region.shape == SIZE_HW
    for place in PLACES:
        np.testing.assert_array_equal(by_region[place], whole_hw[place])


@pytest.fixture
def labels_hw() -> NDArray[np.uint8]:
    return noise(*SIZE_HW, most=3)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(("suffix", "palette"), [("png", False), ("png", True), ("tif", False)])
def test_index_masks(
    suffix: str, palette: bool, labels_hw: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / f"masks/x.{suffix}", labels_hw, palette=palette)
    assert_same_by_region(split_with(tmp_path, f"{tmp_path}/masks/{{stem}}.{suffix}"), monkeypatch)


def test_deep_masks_of_instances(
    labels_hw: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "masks/x.png", labels_hw.astype(np.uint16) * 1000 + 7)
    masks = {"to": str(tmp_path / "masks"), "divide": 1000}
    assert_same_by_region(split_with(tmp_path, masks, unlabelled_values=[7]), monkeypatch)


@pytest.mark.parametrize("tolerance", [None, 2])
def test_colours(
    tolerance: int | None, labels_hw: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "masks/x.png", COLOURS[labels_hw] + (1 if tolerance else 0))
    masks = {"to": str(tmp_path / "masks"), **({"tolerance": tolerance} if tolerance else {})}
    assert_same_by_region(split_with(tmp_path, masks, classes=CLASSES), monkeypatch)


def test_colours_of_a_palette(
    labels_hw: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "masks/x.png", labels_hw, palette=True)
    masks = {"to": str(tmp_path / "masks"), "tolerance": 2}
    assert_same_by_region(split_with(tmp_path, masks, classes=CLASSES), monkeypatch)


def test_two_values(labels_hw: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "masks/x.png", labels_hw * 100)
    masks = {"to": str(tmp_path / "masks"), "binary": 127}
    assert_same_by_region(split_with(tmp_path, masks, classes=["a", "b"]), monkeypatch)


def test_a_mask_for_each_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = noise(*SIZE_HW, most=5) == 0, noise(*SIZE_HW, most=7) < 4
    save(tmp_path / "masks/x_b.png", few.astype(np.uint8) * 255)
    save(tmp_path / "masks/x_c.png", many.astype(np.uint8) * 255)
    masks = {"of_class": {name: f"{tmp_path}/masks/{{stem}}_{name}.png" for name in "bc"}}
    split = split_with(tmp_path, masks, unlabelled="a")
    assert_same_by_region(split, monkeypatch)


def test_a_value_of_no_class_is_named_where_it_is_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values_hw = np.zeros(SIZE_HW, dtype=np.uint8)
    values_hw[50, 50] = 77
    save(tmp_path / "masks/x.png", values_hw)
    split = split_with(tmp_path, str(tmp_path / "masks"))
    monkeypatch.setattr(raster, "LARGE", 100)
    labels = split.open_labels(0)
    assert not labels[0:20, 0:20].any()
    with pytest.raises(DataError, match=r"x\.png: has pixel values 77"):
        labels[40:60, 40:60]
