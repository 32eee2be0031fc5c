"""Submissions that are named after images: with hostile ids nothing outside of them is made or changed."""

import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seg.data.images.images import write_image
from seg.engine.submissions import open_submission_format
from seg.engine.submissions.formats import FILE_FORMATS, check_images_suit_format
from seg.errors import OutputError
from seg.labels.label_map import LabelsHW
from seg.spec.ensemble.output import FOLDER_FORMATS, Format, OutputSpec
from tests.engine.tiny_models import CLASSES
from tests.hostile_ids import IDS


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, by path."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def labels_of(number: int) -> LabelsHW:
    return np.full((2, 3), number % len(CLASSES), dtype=np.uint8)


@pytest.mark.parametrize("name", FILE_FORMATS)
@given(image_ids=st.lists(IDS, min_size=1, max_size=4, unique=True))
@example(image_ids=["PHOTO", "../photos/b", "deep/../../photos/b", "..\\photos\\b"])
@example(image_ids=["a", "/a", "./a", "//a", "a/", "../a"])
@example(image_ids=["a.png/", "a.tif/b", "a.npy/b"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_outside_is_made_or_changed(name: Format, image_ids: list[str]) -> None:
    """`PHOTO` stands for the path of a photo, without its ending."""
    if name == "geotiff":
        pytest.importorskip("rasterio")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photo = folder / "photos/b.png"
        write_image(photo, np.full((2, 3, 3), 7, dtype=np.uint8))
        (folder / "photos/b.tif").write_bytes(b"a raster")
        (folder / "photos/b.npy").write_bytes(b"an array")
        image_ids = [str(photo.with_suffix("")) if one == "PHOTO" else one for one in image_ids]
        before = contents(folder)
        form = open_submission_format(
            OutputSpec(format=name), CLASSES, "ground", lambda _: made_raster(folder)
        )
        target = folder / "out"
        images = [(image_id, labels_of(number)) for number, image_id in enumerate(image_ids)]
        try:
            check_images_suit_format(name, dict.fromkeys(image_ids, made_raster(folder)))
        except OutputError:
            with pytest.raises(OutputError):
                form.write(target, images)
            assert outside(folder) == before
            return
        form.write(target, images)
        assert outside(folder) == before
        assert number_written(target, name) == len(image_ids)
        found = {image_id: labels_hw.copy() for image_id, labels_hw in form.read(target, lambda _: (2, 3))}
        assert found.keys() == set(image_ids)
        for image_id, labels_hw in images:
            np.testing.assert_array_equal(found[image_id], labels_hw)


def outside(folder: Path) -> dict[str, bytes | None]:
    kept = {path: data for path, data in contents(folder).items() if path.partition("/")[0] != "out"}
    kept.pop("place.tif", None)
    return kept


def number_written(target: Path, name: Format) -> int:
    if name not in FOLDER_FORMATS:
        with zipfile.ZipFile(target) as archive:
            return len(archive.namelist())
    files = sum(path.suffix == FILE_FORMATS[name] for path in target.rglob("*") if path.is_file())
    return files // len(CLASSES) if name == "class-png" else files


def made_raster(folder: Path) -> str:
    """A raster that says where on Earth it lies, which is all that is read of it."""
    import rasterio
    from rasterio.transform import Affine

    path = folder / "place.tif"
    if not path.exists():
        place = {"crs": "EPSG:32633", "transform": Affine(10, 0, 500_000, 0, -10, 5_000_000)}
        layout = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": 2, "width": 3}
        with rasterio.open(path, "w", **place, **layout) as raster:
            raster.write(labels_of(0), 1)
    return str(path)
