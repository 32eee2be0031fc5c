"""Pixels without data are ignored, whatever a label map holds."""

from pathlib import Path

import numpy as np
import pytest

from seg.data import open_split
from seg.data.images.band_file import silence_georeferencing_warnings
from seg.data.images.images import write_mask
from seg.labels.task import Task, ignored_in, masks_of
from seg.spec import DatasetSpec


@pytest.mark.parametrize(
    "task, classes",
    [("multiclass", ["rest", "field"]), ("binary", ["field"]), ("multilabel", ["field", "road"])],
)
def test_pixels_without_data_are_ignored(tmp_path: Path, task: Task, classes: list[str]) -> None:
    rasterio = pytest.importorskip("rasterio")
    silence_georeferencing_warnings()
    bands_bhw = np.full((2, 6, 8), 7, np.uint16)
    bands_bhw[:, 2:4, 5] = 0  # No data in every band.
    bands_bhw[0, 0, 0] = 0  # In one alone: there is still something to see.
    options = {"driver": "GTiff", "count": 2, "height": 6, "width": 8, "dtype": "uint16", "nodata": 0}
    (tmp_path / "images").mkdir()
    with rasterio.open(tmp_path / "images/a.tif", "w", **options) as file:
        file.write(bands_bhw)
    is_field_hw = np.indices((6, 8)).sum(0) % 3 == 0
    write_mask(tmp_path / "masks/a.png", is_field_hw.astype(np.uint8))
    split = {"images": str(tmp_path / "images"), "masks": str(tmp_path / "masks")}
    dataset = DatasetSpec.model_validate(
        {"train": split, "task": task, "classes": classes, "range": [0, 100], "bands": [1, 2]}
    )
    labels_hw = open_split(dataset, "train").labels(0)
    missing_hw = (bands_bhw == 0).all(axis=0)
    np.testing.assert_array_equal(ignored_in(labels_hw, task, len(classes)), missing_hw)
    field_hw = masks_of(labels_hw, task, len(classes))[classes.index("field")]
    np.testing.assert_array_equal(field_hw, is_field_hw & ~missing_hw)
