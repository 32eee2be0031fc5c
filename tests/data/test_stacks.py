"""2.5-d: neighbouring slices whose bands make one image."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seg.data import open_split
from seg.data.images.images import write_mask
from seg.data.images.read_sample import read_sample, size_of_sample, type_of_sample
from seg.errors import DataError, SpecError
from seg.image_type import ImageType
from seg.spec import DatasetSpec, load_dataset

BY = "case{c}_day{d}_slice_{s}"


def dataset(folder: Path, names: list[str], stack: dict[str, Any]) -> DatasetSpec:
    """Grey slices of 16 bits, whose value is their position in the list."""
    for number, name in enumerate(names):
        path = folder / "x" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 6), number, np.uint16)).save(path)
        write_mask((folder / "m" / name).with_suffix(".png"), np.zeros((4, 6), np.uint8))
    values = {
        "train": {"images": "x", "masks": "m"},
        "classes": ["a", "b"],
        "range": [0, 10],
        "stack": stack,
    }
    return DatasetSpec.model_validate(values, context={"folder": folder})


def stacks(data: DatasetSpec) -> dict[str, list[int]]:
    samples = open_split(data, "train").samples
    return {sample.image.name: read_sample(sample)[0, 0].tolist() for sample in samples}


SLICES = [
    "case1/case1_day0/scans/slice_0001_80.png",
    "case1/case1_day0/scans/slice_0002_80.png",
    "case1/case1_day0/scans/slice_0010_80.png",
    "case2/case2_day0/scans/slice_0003_80.png",
    "case2/case2_day1/scans/slice_0004_80.png",
]


def test_neighbours_are_those_of_the_volume_by_number(tmp_path: Path) -> None:
    assert stacks(dataset(tmp_path, SLICES, {"by": BY})) == {
        "slice_0001_80.png": [0, 0, 1],
        "slice_0002_80.png": [0, 1, 2],
        "slice_0010_80.png": [1, 2, 2],
        "slice_0003_80.png": [3, 3, 3],
        "slice_0004_80.png": [4, 4, 4],
    }


def test_so_many_before_and_after(tmp_path: Path) -> None:
    found = stacks(dataset(tmp_path, SLICES, {"before": 2, "after": 0, "by": BY}))
    assert found["slice_0010_80.png"] == [0, 1, 2]
    assert found["slice_0001_80.png"] == [0, 0, 0]


def test_its_type_and_size_are_known_without_decoding_all(tmp_path: Path) -> None:
    (first, *_) = open_split(dataset(tmp_path, SLICES, {"by": BY}), "train").samples
    assert (type_of_sample(first), size_of_sample(first)) == (ImageType("uint16", 3), (4, 6))


def test_slices_of_different_sizes_are_refused(tmp_path: Path) -> None:
    data = dataset(tmp_path, SLICES, {"by": BY})
    Image.fromarray(np.zeros((5, 6), np.uint16)).save(tmp_path / "x" / SLICES[1])
    with pytest.raises(DataError, match=r"slice_0002_80\.png: has another size than .*, 6x5 and 6x4"):
        read_sample(open_split(data, "train").samples[0])


@pytest.mark.parametrize(
    ("names", "by", "problem"),
    [
        (["a_1.png"], "slice_{s}", "has no 'slice_' in its path"),
        (["slice_x.png"], "slice_{s}", "has 'x' as its slice"),
        (
            ["a/slice_1.png", "b/slice_1.png"],
            "slice_{s}",
            "is slice 1, as .*a/slice_1.png is: name the volume",
        ),
    ],
)
def test_what_does_not_number_slices_is_told(names: list[str], by: str, problem: str, tmp_path: Path) -> None:
    data = dataset(tmp_path, names, {"by": by})
    with pytest.raises(DataError, match=problem):
        open_split(data, "train")


@pytest.mark.parametrize(
    ("stack", "problem"),
    [
        ("{ by: 'slice_{s}', before: 0, after: 0 }", "'before' and 'after' are both 0"),
        ("{ by: 'slice_{s}', before: -1 }", "stack.before"),
        ("{ by: '{name}' }", r"has \{name\}"),
        ("{ before: 1 }", "stack.by|'by'"),
    ],
)
def test_nonsense_is_refused(stack: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(f"range: [0, 1]\nstack: {stack}\n")
    with pytest.raises(SpecError, match=problem):
        load_dataset(tmp_path / "d.yaml")
