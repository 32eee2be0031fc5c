"""Members of bands in the engine: views, tiles, mixed files, windows and runtimes, against numpy."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

import seg
from seg.data.images.band_file import silence_georeferencing_warnings
from seg.data.images.read_sample import open_bands_to_tile
from seg.engine import Ensemble
from seg.engine.passes.plain_tiles import PlainTiles
from seg.engine.passes.views import VIEWS
from seg.engine.runtimes.open import open_runtime
from seg.engine.runtimes.openvino.library import has_openvino
from seg.errors import DataError, ModelError
from seg.export.fuse.fuse import FusionRequest, fuse_ensemble
from seg.image_type import ImageType, PixelType
from seg.models.model_file import image_type_of_model_input
from seg.pixel_range import PixelRange
from seg.spec.ensemble.from_models import spec_from_models
from tests.engine.tiny_models import write_band_model, write_model

FIVE = ImageType("uint16", 5)
TWO = ImageType("uint16", 2)


def drawn(image_type: ImageType, size_hw: tuple[int, int] = (12, 17), seed: int = 0) -> NDArray[Any]:
    values = np.random.default_rng(seed).integers(0, 10_000, (*size_hw, image_type.bands))
    return (values % 256 if image_type.pixels == "uint8" else values).astype(image_type.pixels)


def answer(model: Path, image: NDArray[Any]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found: NDArray[np.float32] = session.run(None, {"image": np.ascontiguousarray(image)[None]})[0][0]
    return found


@pytest.mark.parametrize("pixels", ["uint8", "uint16", "float32"])
def test_members_take_their_own_bands_in_all_views(pixels: PixelType, tmp_path: Path) -> None:
    models = [write_band_model(tmp_path, seed, ImageType(pixels, bands)) for seed, bands in ((1, 5), (2, 2))]
    image = drawn(ImageType(pixels, 5))
    found = seg.load(models, views="d4", weights=[2, 1], runtime="cpu").predict(image).probabilities
    expected = np.zeros_like(found)
    for model, bands, weight in ((models[0], 5, 2), (models[1], 2, 1)):
        for turns in range(4):
            for flips in (False, True):
                seen = np.rot90(image[..., :bands], turns)
                seen = seen[:, ::-1] if flips else seen
                back = answer(model, seen)
                back = back[:, :, ::-1] if flips else back
                expected += weight / 3 / 8 * np.rot90(back, -turns, axes=(1, 2))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("bands", [1, 5, 13])
@pytest.mark.parametrize("view", ["scale0.75", "scale1.5"])
def test_scaled_views_keep_bands_and_type(bands: int, view: str) -> None:
    image = drawn(ImageType("uint16", bands))
    one = VIEWS[view]  # type: ignore[index]
    scaled = one.apply(image)
    assert (scaled.dtype.name, scaled.shape) == ("uint16", (*one.size((12, 17)), bands))
    row = np.zeros_like(scaled)
    one.fill(row, image)
    np.testing.assert_array_equal(row, scaled)
    for band in range(bands):
        np.testing.assert_array_equal(one.apply(image[..., [band]])[..., 0], scaled[..., band])


def test_files_of_different_bands_and_types_share_batches(tmp_path: Path) -> None:
    model = write_band_model(tmp_path, 1, TWO)
    ensemble = seg.load([model], views="flips", runtime="cpu", batch_size=8)
    images = [drawn(TWO), drawn(FIVE, seed=1), drawn(ImageType("uint8", 4), seed=2)]
    images.append(drawn(TWO, seed=3).astype(np.float32))
    together = list(ensemble.predict_many(images))
    for image, prediction in zip(images, together, strict=True):
        np.testing.assert_allclose(prediction.probabilities, ensemble.predict(image).probabilities, atol=1e-6)


def test_fractions_are_refused_by_a_model_of_whole_numbers(tmp_path: Path) -> None:
    ensemble = seg.load([write_band_model(tmp_path, 1, TWO)], runtime="cpu")
    with pytest.raises(ValueError, match=r"expected uint16 \[N, H, W, 2\], received float32"):
        ensemble.predict(drawn(TWO).astype(np.float32) + 0.5)


def test_files_that_members_do_not_take_are_named(tmp_path: Path) -> None:
    ensemble = seg.load([write_band_model(tmp_path, 1, FIVE)], runtime="cpu")
    np.save(tmp_path / "two.npy", drawn(TWO))
    np.save(tmp_path / "halves.npy", drawn(FIVE).astype(np.float32) + 0.5)
    with pytest.raises(DataError, match=r"two\.npy: an image is uint16 \[H, W, 5\], got uint16"):
        ensemble.predict(tmp_path / "two.npy")
    with pytest.raises(DataError, match=r"halves\.npy: expected uint16 \[N, H, W, 5\], received float32"):
        ensemble.predict(tmp_path / "halves.npy")
    damaged: list[str] = []
    images = [("a", drawn(TWO)), ("b", drawn(FIVE))]
    found = ensemble.label_all(
        images, lambda key, _: key, on_damaged=lambda key, error: damaged.append(f"{key} {error}")
    )
    assert list(found) == ["b"]
    assert damaged == ["a a: an image is uint16 [H, W, 5], got uint16 [12, 17, 2]"]


@pytest.mark.parametrize(("value", "is_plain"), [(7.0, True), (np.nan, True)])
def test_tiles_of_one_value_or_without_data_are_plain(value: float, is_plain: bool) -> None:
    rule = PlainTiles(label=0, classes=2, spread=1)
    tile = np.full((32, 32, 13), value, np.float32)
    assert rule.is_plain(tile) is is_plain
    tile[:16, :16, 12] = 50
    assert not rule.is_plain(tile)


@pytest.mark.skipif(not has_openvino(), reason="OpenVINO is not installed")
@pytest.mark.parametrize("pixels", ["uint8", "uint16", "float32"])
def test_openvino_takes_the_same_images(pixels: PixelType, tmp_path: Path) -> None:
    image_type = ImageType(pixels, 5)
    model = write_band_model(tmp_path, 1, image_type)
    runtime = open_runtime(model, "openvino")
    assert runtime.image_type == open_runtime(model, "cpu").image_type == image_type
    image = drawn(image_type)
    np.testing.assert_allclose(runtime.run(image[None])[0], answer(model, image), atol=1e-4)


def test_a_large_geotiff_is_read_by_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rasterio = pytest.importorskip("rasterio")
    monkeypatch.setattr("seg.data.images.raster.LARGE", 1000)
    silence_georeferencing_warnings()
    image = drawn(FIVE, (90, 70))
    options: dict[str, Any] = {"driver": "GTiff", "count": 5, "height": 90, "width": 70, "dtype": "uint16"}
    with rasterio.open(
        tmp_path / "large.tif", "w", **options, tiled=True, blockxsize=16, blockysize=16
    ) as file:
        file.write(np.moveaxis(image, -1, 0))
    windowed = open_bands_to_tile(tmp_path / "large.tif", PixelRange(range=(0, 1)))
    assert not isinstance(windowed, np.ndarray)
    assert (windowed.shape, windowed.dtype.name) == ((90, 70, 5), "uint16")
    np.testing.assert_array_equal(windowed[10:50, 20:70], image[10:50, 20:70])
    ensemble = seg.load([write_band_model(tmp_path, 1, FIVE)], runtime="cpu", tile={"size": 32})
    found = ensemble.predict(tmp_path / "large.tif")
    np.testing.assert_array_equal(found.labels, ensemble.predict(image).labels)
    scaled = open_bands_to_tile(tmp_path / "large.tif", PixelRange(percentile=(0, 100)))
    whole = scaled[0:90, 0:70]
    assert (whole.dtype.name, whole.min(), whole.max()) == ("float32", 0, 1)


def test_a_fused_file_takes_the_widest_of_its_members(tmp_path: Path) -> None:
    models = [write_band_model(tmp_path, 1, FIVE), write_band_model(tmp_path, 2, ImageType("float32", 2))]
    spec = spec_from_models(models, views="d4")
    image = drawn(FIVE, (40, 50))
    card = fuse_ensemble(spec, FusionRequest("both"), tmp_path / "both.onnx", [image])
    assert image_type_of_model_input(onnx.load(tmp_path / "both.onnx")) == ImageType("float32", 5)
    assert card.verification is not None and card.verification.faults == 0
    fused = answer_labels(tmp_path / "both.onnx", image.astype(np.float32))
    assert (fused == Ensemble.load(spec).predict(image).labels).mean() >= 0.999


def answer_labels(model: Path, image: NDArray[Any]) -> NDArray[np.uint8]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    labels: NDArray[np.uint8] = session.run(["labels"], {"image": image[None]})[0][0]
    return labels


def test_members_of_rgb_and_of_bands_do_not_mix(tmp_path: Path) -> None:
    models = [write_band_model(tmp_path, 1, ImageType("uint8", 3)), write_model(tmp_path, 2)]
    with pytest.raises(ModelError, match="was trained on images of RGB, 8 bits, and those here are read as"):
        seg.load(models)
