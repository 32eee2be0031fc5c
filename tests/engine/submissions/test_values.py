"""Pixel values in files, by Pillow, numpy and rasterio: class ids, or positions where that is asked for."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image

from seg.engine.submissions import open_submission_format
from seg.errors import DataError
from seg.labels.label_map import LabelsHW
from seg.spec.ensemble.output import Format, OutputSpec, Values
from tests.engine.labelled import CLASSES, HEIGHT, IDS, WIDTH, form_of, maps_of, write_land


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_land(tmp_path_factory.mktemp("land") / "a.tif")


def read_png(path: Path) -> NDArray[Any]:
    with Image.open(path / "x.png") as image:
        return np.array(image)


def read_tiff(path: Path) -> NDArray[Any]:
    with rasterio.open(path / "x.tif") as file:
        return np.asarray(file.read(1))


def read_npz(path: Path) -> NDArray[Any]:
    with np.load(path) as archive:
        return np.asarray(archive["x"])


READERS: dict[Format, Callable[[Path], NDArray[Any]]] = {
    "png": read_png,
    "geotiff": read_tiff,
    "npz": read_npz,
}
LABELS: LabelsHW = np.array([[0, 1, 2, 255], [2, 2, 1, 0], [0, 0, 0, 255]], dtype=np.uint8)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("ids", "values", "written", "void", "dtype"),
    [
        ((7, 0, 27), "ids", (7, 0, 27), 255, np.uint8),
        ((7, 0, 27), "positions", (0, 1, 2), 255, np.uint8),
        ((254, 1, 2), "ids", (254, 1, 2), 255, np.uint8),
        ((256, 1, 255), "ids", (256, 1, 255), 65535, np.uint16),
        ((65534, 0, 3), "ids", (65534, 0, 3), 65535, np.uint16),
        ((70_000, 0, 3), "positions", (0, 1, 2), 255, np.uint8),
    ],
)
def test_pixel_values_are_class_ids(
    tmp_path: Path,
    land: Path,
    name: Format,
    ids: Sequence[int],
    values: Values,
    written: Sequence[int],
    void: int,
    dtype: type,
) -> None:
    classes = [c.model_copy(update={"id": number}) for c, number in zip(CLASSES, ids, strict=True)]
    form = open_submission_format(
        OutputSpec(format=name, values=values), classes, "ignore", lambda _: str(land)
    )
    form.write(tmp_path / "out", [("x", LABELS)])
    table = np.zeros(256, dtype=np.int64)
    table[:3], table[255] = written, void
    values_hw = READERS[name](tmp_path / "out")
    assert values_hw.dtype == dtype
    np.testing.assert_array_equal(values_hw, table[LABELS])
    ((_, labels_hw),) = form.read(tmp_path / "out", lambda _: (3, 4))
    assert labels_hw.dtype == np.uint8
    np.testing.assert_array_equal(labels_hw, LABELS)


@pytest.mark.parametrize("name", ["npz", "geotiff"])
def test_ids_that_need_32_bits_have_them(tmp_path: Path, land: Path, name: Format) -> None:
    classes = [c.model_copy(update={"id": c.id - 1}) for c in CLASSES]
    form = open_submission_format(OutputSpec(format=name), classes, "ignore", lambda _: str(land))
    form.write(tmp_path / "out", [("x", LABELS)])
    values_hw = READERS[name](tmp_path / "out")
    assert values_hw.dtype == np.int32
    np.testing.assert_array_equal(values_hw[LABELS == 1], -1)
    np.testing.assert_array_equal(values_hw[LABELS == 255], 2**31 - 1)
    ((_, labels_hw),) = form.read(tmp_path / "out", lambda _: (3, 4))
    np.testing.assert_array_equal(labels_hw, LABELS)


@pytest.mark.parametrize(
    ("name", "number"), [("png", -1), ("png", 65536), ("npz", 2**31), ("geotiff", -(2**31) - 1)]
)
def test_an_id_that_fits_into_no_pixel_is_one_line(land: Path, name: Format, number: int) -> None:
    classes = [CLASSES[0], CLASSES[1].model_copy(update={"id": number})]
    with pytest.raises(DataError, match=rf"class 'ground' has the id {number}, but .*: positions"):
        open_submission_format(OutputSpec(format=name), classes, "ignore", lambda _: str(land))


def test_a_pixel_of_no_class_has_no_number_where_a_class_has_it(tmp_path: Path, land: Path) -> None:
    """Cells of 255 on 0, as binary masks have them, are written as such."""
    classes = [CLASSES[1], CLASSES[0].model_copy(update={"id": 255})]
    form = open_submission_format(OutputSpec(format="png"), classes, "ignore", lambda _: str(land))
    form.write(tmp_path / "out", [("x", np.array([[0, 1]], dtype=np.uint8))])
    np.testing.assert_array_equal(read_png(tmp_path / "out"), [[0, 255]])
    with pytest.raises(
        DataError, match="x: has pixels without a class, but their value, 255, is a class's id"
    ):
        form.write(tmp_path / "more", [("x", np.array([[0, 255]], dtype=np.uint8))])
    assert not (tmp_path / "more").exists()


def test_colours_are_those_of_the_ids(tmp_path: Path, land: Path) -> None:
    labels_hw: LabelsHW = np.array([[0, 1, 2]], dtype=np.uint8)
    form_of("png", land, ["x"]).write(tmp_path / "png", [("x", labels_hw)])
    with Image.open(tmp_path / "png/x.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.array(image.convert("RGB"))[0], [c.colour for c in CLASSES])
    form_of("geotiff", land, ["x"]).write(tmp_path / "tif", [("x", labels_hw)])
    with rasterio.open(tmp_path / "tif/x.tif") as file:
        colours = file.colormap(1)
    assert [colours[number][:3] for number in IDS.tolist()] == [c.colour for c in CLASSES]


@pytest.mark.parametrize("name", READERS)
def test_values_that_are_no_ids_are_one_line(tmp_path: Path, land: Path, name: Format) -> None:
    """Positions where ids are promised: 1 and 2 are no class's."""
    form_of(name, land, ["x"], values="positions").write(tmp_path / "out", maps_of(["x"]))
    with pytest.raises(
        DataError, match=r"x(\.\w+)?: has the values 1, 2, which are not class ids \(7, 0, 27\).*positions"
    ):
        list(form_of(name, land, ["x"]).read(tmp_path / "out", lambda _: (HEIGHT, WIDTH)))


@pytest.mark.parametrize("dtype", [np.int64, np.int16, np.uint16, np.uint64])
def test_arrays_of_other_integers_are_read(tmp_path: Path, land: Path, dtype: type) -> None:
    np.savez(tmp_path / "a.npz", x=IDS[[[0, 1, 2]]].astype(dtype))
    ((_, labels_hw),) = form_of("npz", land, ["x"]).read(tmp_path / "a.npz", lambda _: (1, 3))
    np.testing.assert_array_equal(labels_hw, [[0, 1, 2]])
