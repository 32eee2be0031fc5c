"""Images of more than 8 bits and of other bands: read, drawn, and described in specs and cards."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from seg.data import open_split
from seg.data.check.dataset import check_dataset
from seg.data.deep.decode import decode_deep, header_of_deep, with_band_axis
from seg.data.deep.percentiles import scale_by_percentiles
from seg.data.deep.picture import levels_in_range, picture_of
from seg.data.images.band_file import silence_georeferencing_warnings
from seg.data.images.images import write_mask
from seg.data.images.read_sample import (
    draw_sample,
    open_sample,
    read_sample,
    size_of_sample,
    type_of_sample,
)
from seg.engine.member_files import read_member_files
from seg.errors import DataError, ModelError, SpecError
from seg.image_type import RGB8, ImageType, image_type_of
from seg.labels.label_map import IGNORE_INDEX
from seg.models.card import InputCard
from seg.pixel_range import PixelRange
from seg.spec import DatasetSpec, load_dataset
from seg.spec.ensemble.from_models import spec_from_models
from tests.engine.tiny_models import write_model

CT = np.linspace(900, 1050, 12 * 16).reshape(12, 16)
"""A structure within 150 of 65536 levels."""


@given(
    low=st.floats(-1e4, 1e4), width=st.floats(1e-2, 1e5), values=st.lists(st.floats(-2e5, 2e5), min_size=1)
)
def test_levels_in_a_range_against_their_definition(low: float, width: float, values: list[float]) -> None:
    bands = np.array(values, np.float32)[None, :, None]
    levels = levels_in_range(bands, PixelRange(range=(low, low + width)))
    wanted = np.clip((bands - low) / width * 255, 0, 255)
    assert np.abs(levels.astype(float) - wanted).max() <= 0.5 + 255 * 2e5 * 2**-22 / width


def test_a_window_is_a_range_about_its_level() -> None:
    assert PixelRange.model_validate({"window": {"level": 40, "width": 400}}).ends == (-160, 240)


def test_percentiles_are_those_of_each_band_and_ignore_what_is_not_finite() -> None:
    bands = np.stack([CT, 10 * CT, -CT], axis=-1).astype(np.float32)
    bands[0, 0] = np.nan
    scaled = scale_by_percentiles(bands, (0, 100))
    assert np.isnan(scaled[0, 0]).all()
    np.testing.assert_allclose(np.nanmin(scaled, axis=(0, 1)), 0, atol=1e-6)
    np.testing.assert_allclose(np.nanmax(scaled, axis=(0, 1)), 1, atol=1e-6)
    np.testing.assert_allclose(scaled[..., 0], 1 - scaled[..., 2], atol=1e-4)


def test_a_picture_shows_the_bands_of_rgb_or_the_first_that_are_seen() -> None:
    random = np.random.default_rng(0)
    bands = np.stack([random.permutation(100).reshape(10, 10) for _ in range(8)], axis=-1).astype(np.uint16)
    grey = PixelRange(range=(0, 1))
    alone = {band: picture_of(bands[..., [band - 1]], grey)[..., 0] for band in range(1, 9)}

    with pytest.raises(ValueError, match="has 8 bands, and 'rgb' names band 9: they count from 1"):
        picture_of(bands, PixelRange(range=(0, 10_000)), (9, 2, 1))

    def shown(seen: tuple[int, ...] | None, rgb: tuple[int, int, int] | None = None) -> list[int]:
        picture = picture_of(bands, PixelRange(bands=seen, range=(0, 10_000)), rgb)
        return [b for c in range(3) for b, one in alone.items() if (picture[..., c] == one).all()]

    assert shown((4, 3, 2, 8)) == [4, 3, 2]
    assert shown((4, 3, 2, 8), (8, 1, 2)) == [8, 1, 2]
    assert shown((8,)) == [8, 8, 8]
    assert shown((5, 6)) == [5, 5, 5]
    assert (alone[1].min(), alone[1].max()) == (0, 255), "stretched, although the range is far wider"


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"range": (0, 1), "percentile": (1, 99)}, "exclude each other"),
        ({"bands": (1,)}, "'bands' needs the values"),
        ({"bands": (), "range": (0, 1)}, "'bands' is empty"),
        ({"bands": (0,), "range": (0, 1)}, "greater than or equal to 1"),
        ({"range": (5, 5)}, "from the lower to the higher"),
        ({"range": (0, float("inf"))}, "finite"),
        ({"percentile": (1, 101)}, "less than or equal to 100"),
        ({"window": {"level": 1, "width": 0}}, "greater than 0"),
    ],
)
def test_nonsense_is_refused(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        PixelRange.model_validate(keys)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("bands: [1, 2]", "'bands' needs the values"),
        ("bands: []", "at least 1 entry"),
        ("rgb: [1, 2, 3]", "'rgb' is for images with a 'range'"),
        ("stack: { by: 'slice_{s}' }", "'stack' is for images with a 'range'"),
    ],
)
def test_a_dataset_tells_the_line(line: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(f"train: {{images: x}}\n{line}\n")
    with pytest.raises(SpecError, match=rf"d\.yaml:\d: .*{problem}"):
        load_dataset(tmp_path / "d.yaml")


def saved_png(path: Path) -> NDArray[Any]:
    Image.fromarray(CT.astype(np.uint16)).save(path, format="PNG")
    return CT.astype(np.uint16)[..., None]


def saved_float_tiff(path: Path) -> NDArray[Any]:
    Image.fromarray(CT.astype(np.float32)).save(path, format="TIFF")
    return CT.astype(np.float32)[..., None]


def saved_geotiff(path: Path) -> NDArray[Any]:
    rasterio = pytest.importorskip("rasterio")
    bands = (np.arange(5)[:, None, None] * CT).astype(np.uint16)
    options = {"driver": "GTiff", "count": 5, "height": 12, "width": 16, "dtype": "uint16", "nodata": 0}
    silence_georeferencing_warnings()
    with rasterio.open(path, "w", **options) as file:
        file.write(bands)
    wanted = np.moveaxis(bands, 0, -1).astype(np.float32)
    return np.where(wanted == 0, np.nan, wanted)


def saved_array(path: Path) -> NDArray[Any]:
    with path.open("wb") as file:
        np.save(file, CT)
    return CT[..., None]


def saved_dicom(path: Path) -> NDArray[Any]:
    pydicom = pytest.importorskip("pydicom")
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    dataset.Rows, dataset.Columns = CT.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 2, -1024
    dataset.PixelData = CT.astype(np.uint16).tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return 2.0 * CT.astype(np.uint16)[..., None] - 1024


@pytest.mark.parametrize("save", [saved_png, saved_float_tiff, saved_geotiff, saved_array, saved_dicom])
def test_files_of_every_format(save: Any, tmp_path: Path) -> None:
    wanted = save(tmp_path / "file")
    data = (tmp_path / "file").read_bytes()
    decoded = decode_deep(data)
    np.testing.assert_array_equal(decoded, wanted.astype(decoded.dtype))
    assert header_of_deep(data) == (wanted.shape[:2], image_type_of(decoded))


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_a_png_of_16_bits_has_its_bands_without_alpha(bands: int) -> None:
    pixels = np.random.default_rng(bands).integers(0, 2**16, (5, 7, bands), np.uint16)
    bgra = pixels if bands == 1 else np.ascontiguousarray(pixels[..., [2, 1, 0, 3][:bands]])
    data = cv2.imencode(".png", bgra)[1].tobytes()
    np.testing.assert_array_equal(decode_deep(data), pixels[..., :3])
    assert header_of_deep(data) == ((5, 7), ImageType("uint16", min(bands, 3)))
    with pytest.raises(ValueError, match="is cut off or damaged"):
        decode_deep(data[:-20])


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [("int16", "float32"), ("float64", "float32"), (">u2", "uint16"), ("bool", "uint8"), ("uint8", "uint8")],
)
def test_other_numbers_become_floats(dtype: str, kept: str) -> None:
    values = np.arange(12).reshape(3, 4).astype(dtype)
    image = with_band_axis(values)
    assert image.dtype == kept
    np.testing.assert_array_equal(image[..., 0], values)


def test_grey_images_have_one_band(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (6, 8), np.uint8)
    for name in ("a.png", "a.tif", "a.bmp"):
        Image.fromarray(grey).save(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        np.testing.assert_array_equal(decode_deep(data)[..., 0], grey)
        assert header_of_deep(data) == ((6, 8), ImageType("uint8", 1))


@pytest.mark.parametrize("start", [b"\x93NUMPY", b"II*\0", b"\0" * 128 + b"DICM", b"\x89PNG\r\n\x1a\n", b""])
def test_damaged_files_are_one_line(start: bytes) -> None:
    with pytest.raises(ValueError, match="is "):
        decode_deep(start + b"\x05\x06")


def dataset(folder: Path, **keys: Any) -> DatasetSpec:
    (folder / "x").mkdir()
    saved_png(folder / "x/a.png")
    write_mask(folder / "m/a.png", (CT > 950).astype(np.uint8))
    values = {"train": {"images": "x", "masks": "m"}, "classes": ["air", "organ"], **keys}
    return DatasetSpec.model_validate(values, context={"folder": folder})


def problems(data: DatasetSpec) -> list[str]:
    """What is found, beside that one image is too few to train on."""
    return [one.problem for one in check_dataset(data).findings if "at least 2 are needed" not in one.problem]


def test_a_dataset_reads_all_bands_of_its_images(tmp_path: Path) -> None:
    data = dataset(tmp_path, range=[900, 1050])
    (sample,) = open_split(data, "train").samples
    image = read_sample(sample)
    np.testing.assert_array_equal(image[..., 0], CT.astype(np.uint16))
    assert (size_of_sample(sample), type_of_sample(sample)) == ((12, 16), ImageType("uint16", 1))
    assert (np.asarray(open_sample(sample)[0:12, 0:16]) == image).all()
    assert (draw_sample(sample).min(), draw_sample(sample).max()) == (0, 255)
    assert not problems(data)


def test_percentiles_are_applied_when_an_image_is_read(tmp_path: Path) -> None:
    (sample,) = open_split(dataset(tmp_path, percentile=[0, 100]), "train").samples
    image = read_sample(sample)
    assert (image.dtype.name, image.min(), image.max()) == ("float32", 0, 1)
    assert type_of_sample(sample) == ImageType("float32", 1)


def test_pixels_without_data_are_ignored(tmp_path: Path) -> None:
    data = dataset(tmp_path, range=[900, 1050])
    wanted = saved_geotiff(tmp_path / "x/a.tif")
    (tmp_path / "x/a.png").unlink()
    labels = open_split(data, "train").labels(0)
    missing = np.isnan(wanted).all(-1)
    assert not missing.any(), "only the first band is 0 everywhere"
    assert (labels != IGNORE_INDEX).all()
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open(tmp_path / "x/a.tif", "r+") as file:
        file.write(np.zeros((5, 3, 4), np.uint16), window=((0, 3), (0, 4)))
    labels = open_split(data, "train").labels(0)
    assert (labels[:3, :4] == IGNORE_INDEX).all()
    assert (labels == IGNORE_INDEX).sum() == 12


def test_a_range_that_leaves_nothing_to_see_is_told(tmp_path: Path) -> None:
    (problem,) = problems(dataset(tmp_path, range=[0, 65535]))
    assert "is nearly flat in this range" in problem


def test_a_band_that_images_do_not_have_is_told(tmp_path: Path) -> None:
    found = problems(dataset(tmp_path, range=[900, 1050], bands=[2]))
    assert any("images have 1 bands, and 'bands' names band 2" in problem for problem in found)


def test_without_a_range_the_message_is_as_before(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has 1 band of 16 bits with values 900"):
        read_sample(open_split(dataset(tmp_path), "train").samples[0])


def test_the_card_says_nothing_of_bands_where_images_are_rgb() -> None:
    plain = InputCard(mean=(0, 0, 0), std=(1, 1, 1))
    assert plain.image_type == RGB8
    for name in ("pixel_range", "bands", "pixels"):
        assert name not in plain.model_dump_json()


def test_the_card_of_bands_says_what_replaces_pixels_without_data() -> None:
    deep = InputCard(
        mean=(0.25, 0.5),
        std=(1, 1),
        pixels="uint16",
        bands=4,
        pixel_range=PixelRange(bands=(4, 2), range=(100, 500)),
    )
    assert InputCard.model_validate_json(deep.model_dump_json()) == deep
    assert deep.image_type == ImageType("uint16", 4, (100, 300, 100, 200))
    assert deep.channels == 2


@pytest.mark.parametrize(
    "keys",
    [{"mean": (0, 0), "std": (1, 1)}, {"pixel_range": {"bands": [9], "range": [0, 1]}, "bands": 4}],
)
def test_a_card_that_contradicts_itself_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"channels|names band 9"):
        InputCard.model_validate({"mean": (0, 0, 0), "std": (1, 1, 1), **keys})


def test_a_member_of_8_bits_is_refused_for_images_of_bands(tmp_path: Path) -> None:
    model = write_model(tmp_path)
    data = DatasetSpec.model_validate({"range": (0, 10), "predict": {"images": tmp_path}})
    with pytest.raises(ModelError, match=r"trained on images of RGB, 8 bits, .* range: \[0.0, 10.0\]"):
        read_member_files(spec_from_models([model], data=data))
