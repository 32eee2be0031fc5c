"""Images of more than 8 bits and of other bands, read in a range of values."""

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
from seg.data.check.dataset import check_dataset
from seg.data.deep.decode import decode_deep, deep_size
from seg.data.deep.to_rgb import to_rgb
from seg.data.images.images import write_mask
from seg.data.images.raster import silence_georeferencing_warnings
from seg.data.images.read_sample import open_sample, read_sample, size_of_sample
from seg.errors import DataError, ModelError, SpecError
from seg.models.card import InputCard
from seg.models.member_files import read_member_files
from seg.pixel_range import PixelRange
from seg.spec import DatasetSpec, load_dataset
from seg.spec.ensemble.from_models import spec_from_models
from tests.engine.tiny_models import write_model

CT = np.linspace(900, 1050, 12 * 16).reshape(12, 16)
"""A structure within 150 of 65536 levels."""


@given(
    low=st.floats(-1e4, 1e4), width=st.floats(1e-2, 1e5), values=st.lists(st.floats(-2e5, 2e5), min_size=1)
)
def test_a_range_against_its_definition(low: float, width: float, values: list[float]) -> None:
    bands = np.array(values, np.float64)[None, :, None]
    image = to_rgb(bands, PixelRange(range=(low, low + width)))
    wanted = np.clip((bands - low) / width * 255, 0, 255)
    assert image.shape == (1, len(values), 3)
    assert np.abs(image.astype(float) - wanted).max() <= 0.5 + 255 * 2e5 * 2**-22 / width


def test_a_window_is_a_range_about_its_level() -> None:
    window = PixelRange.model_validate({"window": {"level": 40, "width": 400}})
    plain = PixelRange(range=(-160, 240))
    assert (to_rgb(CT[..., None] - 1000, window) == to_rgb(CT[..., None] - 1000, plain)).all()


def test_percentiles_are_those_of_each_band_and_ignore_what_is_not_finite() -> None:
    bands = np.stack([CT, 10 * CT, -CT], axis=-1)
    bands[0, 0] = np.nan
    image = to_rgb(bands, PixelRange(percentile=(0, 100)))
    assert (image[0, 0] == 0).all()
    assert (image[..., 0].max(), image[..., 2].max(), image[-1, -1, 2]) == (255, 255, 0)
    assert np.abs(image[..., 0].astype(int) - image[..., 1]).max() <= 1


def test_bands_are_chosen_and_one_becomes_grey() -> None:
    bands = np.arange(8, dtype=np.uint16) * np.ones((2, 2, 1), np.uint16)
    assert to_rgb(bands, PixelRange(bands=(4, 3, 2), range=(0, 255)))[0, 0].tolist() == [3, 2, 1]
    assert to_rgb(bands, PixelRange(bands=(8,), range=(0, 255)))[0, 0].tolist() == [7, 7, 7]
    with pytest.raises(ValueError, match="has 8 bands: choose 3"):
        to_rgb(bands, PixelRange(range=(0, 1)))
    with pytest.raises(ValueError, match="has 8 bands, and 'bands' names band 9"):
        to_rgb(bands, PixelRange(bands=(9,), range=(0, 1)))


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"range": (0, 1), "percentile": (1, 99)}, "exclude each other"),
        ({"bands": (1,)}, "'bands' needs the values"),
        ({"bands": (1, 2), "range": (0, 1)}, "'bands' names 2 bands"),
        ({"range": (5, 5)}, "from the lower to the higher"),
        ({"range": (0, float("inf"))}, "finite"),
        ({"percentile": (1, 101)}, "less than or equal to 100"),
        ({"window": {"level": 1, "width": 0}}, "greater than 0"),
    ],
)
def test_nonsense_is_refused(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        PixelRange.model_validate(keys)


def test_a_spec_tells_the_line(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text("train: {images: x}\nbands: [1, 2]\nrange: [0, 1]\n")
    with pytest.raises(SpecError, match=r"d\.yaml:2: 'bands' names 2 bands"):
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
    np.testing.assert_array_equal(decode_deep(data), wanted)
    assert deep_size(data) == wanted.shape[:2]


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


def test_a_dataset_reads_all_its_images_in_the_range(tmp_path: Path) -> None:
    data = dataset(tmp_path, range=[900, 1050])
    (sample,) = open_split(data, "train").samples
    image = read_sample(sample)
    assert (image.min(), image.max(), size_of_sample(sample)) == (0, 255, (12, 16))
    assert (np.asarray(open_sample(sample)[0:12, 0:16]) == image).all()
    assert not check_dataset(data).findings


def test_a_range_that_leaves_nothing_to_see_is_told(tmp_path: Path) -> None:
    (finding,) = check_dataset(dataset(tmp_path, range=[0, 65535])).findings
    assert "is nearly flat in this range" in finding.problem


def test_without_a_range_the_message_is_as_before(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has 1 band of 16 bits with values 900"):
        read_sample(open_split(dataset(tmp_path), "train").samples[0])


def test_the_card_has_a_range_only_where_there_is_one() -> None:
    plain = InputCard(mean=(0, 0, 0), std=(1, 1, 1))
    assert "pixel_range" not in plain.model_dump_json()
    deep = plain.model_copy(update={"pixel_range": PixelRange(bands=(4, 3, 2), range=(0, 10_000))})
    assert InputCard.model_validate_json(deep.model_dump_json()) == deep


def test_a_member_that_learnt_from_another_range_is_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path)
    spec = spec_from_models([model], data=DatasetSpec.model_validate({"range": (0, 10)}))
    with pytest.raises(ModelError, match=r"of 8 bits, the dataset has range: \[0.0, 10.0\]"):
        read_member_files(spec)
