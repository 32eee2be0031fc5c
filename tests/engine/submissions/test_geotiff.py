"""GeoTIFFs in and out: labels lie where their image lies, and large ones are read by window.

What is written is read by tifffile, which shares no code with the library that writes it.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data.images import raster
from seg.data.images.images import read_image, write_image
from seg.data.images.raster import open_raster
from seg.data.images.windowed_image import WindowedImage
from seg.engine.ensemble import Ensemble
from seg.engine.jobs.predict import run_ensemble
from seg.engine.submissions import open_submission_format
from seg.engine.submissions.base import FormatByRegion, SubmissionFormat
from seg.engine.submissions.masks.geotiff import CLASSES_TAG
from seg.errors import DataError, MissingRuntimeError
from seg.labels.label_map import ImageHWC
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.output import OutputSpec
from tests.engine.tiny_models import CLASSES

HALF_A_METRE = Affine(0.5, 0, 372_000, 0, -0.5, 5_805_000)
SIZE_HW = (24, 40)
CLASS_IDS = np.array([c.id for c in CLASSES])


def pixels(height: int = SIZE_HW[0], width: int = SIZE_HW[1], bands: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, bands), dtype=np.uint8)


def labels(height: int = SIZE_HW[0], width: int = SIZE_HW[1]) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, len(CLASSES), (height, width), dtype=np.uint8)


def write_tiff(path: Path, pixels_hwc: NDArray[Any], **said: Any) -> Path:
    height, width, bands = pixels_hwc.shape
    options = {"driver": "GTiff", "dtype": pixels_hwc.dtype, "count": bands, "height": height, "width": width}
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **(options | said)) as written:
            written.write(pixels_hwc.transpose(2, 0, 1))
    return path


def ortho(path: Path, **said: Any) -> Path:
    """An aerial image of half a metre a pixel, in UTM zone 33 north."""
    return write_tiff(path, pixels(), crs="EPSG:32633", transform=HALF_A_METRE, **said)


def form_of(folder: Path) -> SubmissionFormat:
    output = OutputSpec(format="geotiff")
    return open_submission_format(output, CLASSES, "ignore", lambda image: str(folder / f"{image}.tif"))


def test_labels_lie_where_their_image_lies(tmp_path: Path) -> None:
    ortho(tmp_path / "a.tif")
    form = form_of(tmp_path)
    form.write(tmp_path / "labels", [("a", labels())])
    with tifffile.TiffFile(tmp_path / "a.tif") as image:
        place = dict(image.pages.first.geotiff_tags or {})
    assert place["ProjectedCSTypeGeoKey"] == 32633
    with tifffile.TiffFile(tmp_path / "labels/a.tif") as found:
        assert found.pages.first.geotiff_tags == place
        np.testing.assert_array_equal(found.asarray(), CLASS_IDS[labels()])
        colour_map = found.pages.first.colormap
    assert colour_map is not None
    colours = colour_map[:, CLASS_IDS].T // 257
    assert [tuple(colour) for colour in colours.tolist()] == [c.colour for c in CLASSES]
    with rasterio.open(tmp_path / "labels/a.tif") as written:
        assert json.loads(written.tags()[CLASSES_TAG]) == {str(c.id): c.name for c in CLASSES}
        assert written.nodata == 255


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for name in ("a", "deep/b"):
        ortho(tmp_path / f"{name}.tif")
    written = [("a", labels()), ("deep/b", labels()[::-1])]
    form = form_of(tmp_path)
    form.write(tmp_path / "labels", written)
    read = list(form.read(tmp_path / "labels", lambda _: SIZE_HW))
    assert [name for name, _ in read] == ["a", "deep/b"]
    for (_, one), (_, other) in zip(written, read, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_smaller_grid_covers_the_same_ground(tmp_path: Path) -> None:
    ortho(tmp_path / "a.tif")
    form_of(tmp_path).write(tmp_path / "labels", [("a", labels(12, 10))])
    with rasterio.open(tmp_path / "a.tif") as image, rasterio.open(tmp_path / "labels/a.tif") as found:
        assert found.res == (2.0, 1.0)
        assert found.bounds == image.bounds


def test_ground_control_points_are_kept(tmp_path: Path) -> None:
    points = [
        GroundControlPoint(row, column, 13 + column / 1e3, 52 - row / 1e3)
        for row in (0, 24)
        for column in (0, 40)
    ]
    write_tiff(tmp_path / "a.tif", pixels(), gcps=points, crs="EPSG:4326")
    form_of(tmp_path).write(tmp_path / "labels", [("a", labels(12, 20))])
    with rasterio.open(tmp_path / "labels/a.tif") as found:
        kept, system = found.gcps
    assert system.to_epsg() == 4326
    assert [(p.row, p.col, p.x, p.y) for p in kept] == [(p.row / 2, p.col / 2, p.x, p.y) for p in points]


class ByRegion:
    """A label map that is no array."""

    def __init__(self, labels_hw: NDArray[np.uint8]) -> None:
        self._labels_hw = labels_hw
        self.shape = labels_hw.shape

    def __getitem__(self, place: tuple[slice, slice], /) -> NDArray[np.uint8]:
        found_hw = self._labels_hw[place]
        assert found_hw.size < self._labels_hw.size, "it is read region by region"
        return found_hw


def test_a_large_one_is_a_pyramid_and_needs_no_georeference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seg.data.images.raster.LARGE", 1000)
    labels_hw = np.kron(labels(40, 30), np.ones((32, 32), np.uint8))
    write_tiff(tmp_path / "a.tif", pixels(*labels_hw.shape))
    form = form_of(tmp_path)
    assert isinstance(form, FormatByRegion)
    form.write_by_region(tmp_path / "labels", [("a", ByRegion(labels_hw))])

    with tifffile.TiffFile(tmp_path / "labels/a.tif") as found:
        whole, *smaller = found.series[0].levels
        assert found.pages.first.is_tiled
        np.testing.assert_array_equal(whole.asarray(), CLASS_IDS[labels_hw])
        assert [level.shape for level in smaller] == [(640, 480), (320, 240)]
        for step, level in zip((2, 4), smaller, strict=True):
            np.testing.assert_array_equal(level.asarray(), CLASS_IDS[labels_hw[::step, ::step]])


def test_an_image_that_lies_nowhere_is_refused_and_nothing_written(tmp_path: Path) -> None:
    ortho(tmp_path / "a.tif")
    write_tiff(tmp_path / "b.tif", pixels())
    with pytest.raises(DataError, match=r"b\.tif: is not georeferenced: .* format: png"):
        form_of(tmp_path).write(tmp_path / "labels", [("a", labels()), ("b", labels())])
    assert not (tmp_path / "labels").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"II*\0 nothing more", "cannot be read as a raster"),
        (None, "has 3 bands of uint8: a label map has one"),
        (b"", "cannot be read as a raster"),
    ],
)
def test_what_is_no_label_map_is_one_line(content: bytes | None, message: str, tmp_path: Path) -> None:
    file = ortho(tmp_path / "labels/a.tif")
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(form_of(tmp_path).read(tmp_path / "labels", lambda _: SIZE_HW))


def test_a_raster_that_says_it_is_huge_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "labels/a.tif"
    path.parent.mkdir()
    size = {"height": 60_000, "width": 50_000, "count": 1, "dtype": "uint8", "sparse_ok": True}
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32633", transform=HALF_A_METRE, **size):
        pass
    assert path.stat().st_size < 10**6
    with pytest.raises(DataError, match=r"a\.tif: claims 60000x50000 pixels, but its image has 24x40"):
        list(form_of(tmp_path).read(tmp_path / "labels", lambda _: SIZE_HW))


def test_an_empty_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    with pytest.raises(DataError, match="has no TIFFs"):
        list(form_of(tmp_path).read(tmp_path / "labels", lambda _: SIZE_HW))


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seg.engine.submissions.masks.geotiff.has_rasterio", lambda: False)
    with pytest.raises(MissingRuntimeError, match=r"pip install 'segensemble\[geo\]'"):
        form_of(tmp_path)


@pytest.fixture
def over_land(project: Path, monkeypatch: pytest.MonkeyPatch) -> EnsembleSpec:
    """An ensemble over one aerial image in tiles, which counts as large."""
    monkeypatch.setattr(raster, "LARGE", 1000)
    folder = project.parent
    write_tiff(folder / "land/a.tif", pixels(90, 70), crs="EPSG:32633", transform=HALF_A_METRE)
    said = json.loads(project.read_text())
    said |= {"tile": {"size": "32x32"}, "output": {"file": "labels", "format": "geotiff"}}
    said["data"]["predict"] = {"images": "land"}
    project.write_text(json.dumps(said))
    return load_ensemble(project)


def test_a_large_image_is_predicted_by_window_as_it_is_whole(
    over_land: EnsembleSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ensemble(over_land)
    by_window = (over_land.output.file / "a.tif").read_bytes()
    monkeypatch.setattr("seg.data.images.read_sample.open_raster", read_image)
    run_ensemble(over_land, restart=True)
    assert (over_land.output.file / "a.tif").read_bytes() == by_window


def test_images_without_a_georeference_are_refused_before_they_are_predicted(
    over_land: EnsembleSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiff(over_land.output.file.parent / "land/b.tif", pixels(30, 30))
    monkeypatch.setattr(Ensemble, "load", lambda *_, **__: pytest.fail("models were loaded"))
    with pytest.raises(DataError, match=r"b\.tif: is not georeferenced"):
        run_ensemble(over_land)


def test_submissions_are_converted_there_and_back(over_land: EnsembleSpec) -> None:
    run_ensemble(over_land)
    folder = over_land.output.file.parent
    said = json.loads((folder / "spec.yaml").read_text())
    said["output"]["format"] = "png"
    (folder / "png.yaml").write_text(json.dumps(said))
    for spec, source, name, target in (
        ("spec.yaml", "labels", "png", "pictures"),
        ("png.yaml", "pictures", "geotiff", "back"),
    ):
        options = [str(folder / spec), str(folder / source), "--to", name, "-o", str(folder / target)]
        answer = CliRunner().invoke(app, ["submission", "convert", *options])
        assert answer.exit_code == 0, answer.output
    assert (folder / "back/a.tif").read_bytes() == (folder / "labels/a.tif").read_bytes()


def windowed(path: Path, monkeypatch: pytest.MonkeyPatch) -> WindowedImage:
    monkeypatch.setattr(raster, "LARGE", 100)
    image = open_raster(path)
    assert isinstance(image, WindowedImage)
    return image


@pytest.mark.parametrize("bands", [1, 3, 4])
@pytest.mark.parametrize(
    "layout",
    [{}, {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"}, {"compress": "lzw"}],
)
def test_a_window_has_the_pixels_of_the_whole(
    bands: int, layout: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colours = {} if bands == 1 else {"photometric": "RGB", "alpha": "YES" if bands == 4 else "NO"}
    source = pixels(60, 50, bands)
    source[..., 3:] = 255
    path = write_tiff(tmp_path / "a.tif", source, **layout, **colours)
    whole: ImageHWC = read_image(path)
    image = windowed(path, monkeypatch)
    assert image.shape == whole.shape
    for top, bottom, left, right in ((0, 60, 0, 50), (7, 20, 30, 99), (59, 60, 0, 1)):
        window = slice(top, bottom), slice(left, right)
        np.testing.assert_array_equal(image[window], whole[window])


@pytest.mark.parametrize("name", ["small.tif", "palette.tif", "a.bmp"])
def test_all_others_are_decoded_whole(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    if name == "palette.tif":
        form_of(ortho(tmp_path / "a.tif").parent).write(tmp_path / "labels", [("a", labels())])
        path = tmp_path / "labels/a.tif"
    else:
        write_image(path, pixels(5, 5) if name == "small.tif" else pixels(60, 50))
    monkeypatch.setattr(raster, "LARGE", 100)
    found = open_raster(path)
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, read_image(path))


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (pixels(60, 50).astype(np.uint16), r"3 bands of (16 bits|uint16)"),
        (pixels(60, 50, 13), "13 bands of"),
        (pixels(60, 50, 4), "a fourth band with"),
    ],
)
def test_bands_that_would_be_lost_are_refused_whatever_the_size(
    source: NDArray[Any], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = "YES" if source.shape[2] == 4 else "NO"
    path = write_tiff(tmp_path / "a.tif", source, photometric="RGB", alpha=alpha)
    for large in (raster.LARGE, 100):
        monkeypatch.setattr(raster, "LARGE", large)
        with pytest.raises(DataError, match=rf"a\.tif: has {problem}"):
            open_raster(path)


def test_what_is_no_tiff_says_what_it_always_says(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0 nothing more")
    with pytest.raises(DataError, match=r"a\.tif: "):
        open_raster(tmp_path / "a.tif")


def test_damage_within_is_one_line_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tiff(tmp_path / "a.tif", pixels(60, 50), compress="deflate", blockysize=10)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    image = windowed(path, monkeypatch)
    with pytest.raises(DataError, match=r"a\.tif: is cut off or damaged at row 50, column 0"):
        image[50:60, 0:50]
