"""Masks of one class: which values count as the class, which are cut at the middle, which are refused."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data import open_split
from seg.data.check.dataset import check_dataset
from seg.data.images import raster
from seg.data.images.images import write_image
from seg.data.masks.binary_threshold import find_binary_threshold
from seg.errors import DataError
from seg.spec import DatasetSpec

Values = NDArray[Any]


def discs(side: int = 128, seed: int = 0, count: int = 5) -> Values:
    """Discs of the values 1, 2, ... on 0."""
    random = np.random.default_rng(seed)
    drawn_hw = np.zeros((side, side), np.uint8)
    for value in range(1, count + 1):
        centre = [int(place) for place in random.integers(0, side, 2)]
        cv2.circle(drawn_hw, centre, int(random.integers(side // 20, side // 6)), value, -1)
    return drawn_hw


def one_class() -> Values:
    return (discs() > 0).astype(np.uint8) * 255


def as_jpeg(values_hw: Values, quality: int) -> Values:
    file = io.BytesIO()
    Image.fromarray(values_hw).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


CLEAN = {
    "0 and 255": one_class(),
    "0 and 1": one_class() // 255,
    "0 and 65535": one_class().astype(np.uint16) * 257,
    "nothing": np.zeros((8, 8), np.uint8),
    "all": np.full((8, 8), 255, np.uint8),
    "all 1": np.ones((8, 8), np.uint8),
    "white on black in colour": np.repeat(one_class()[..., None], 3, -1),
    "red on black": one_class()[..., None] * np.array([1, 0, 0], np.uint8),
}
SMOOTHED = {
    **{f"JPEG {quality}": as_jpeg(one_class(), quality) for quality in (10, 40, 75, 90, 100)},
    "blurred": cv2.GaussianBlur(one_class(), (0, 0), 2),
    "made smaller": cv2.resize(one_class(), (64, 64), interpolation=cv2.INTER_AREA),
    "made larger": cv2.resize(one_class(), (512, 512), interpolation=cv2.INTER_CUBIC),
    "JPEG in colour": np.repeat(as_jpeg(one_class(), 75)[..., None], 3, -1),
}
IDS = {
    "0 to 7": discs(count=7),
    "0 to 2": discs(count=2),
    "1 and 2": 1 + (discs() > 0).astype(np.uint8),
    "0 to 7, and 255 for ignored": np.where(np.arange(128) < 8, 255, discs(count=7)).astype(np.uint8),
    "spread to 255": discs(count=5) * np.uint8(51),
    "three greys": np.array([0, 128, 255], np.uint8)[discs(count=2)],
    "instances": discs(count=60),
    "deep instances": discs().astype(np.uint16) * 1000,
    "colours of classes": np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]], np.uint8)[discs(count=2)],
    "a photo": np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8),
    "a gradient": np.tile(np.arange(256, dtype=np.uint8), (16, 1)),
}


def save(folder: Path, values: Values, name: str = "cat/i.png", **options: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)
    return path


def dataset_of(folder: Path, size_hw: tuple[int, ...], name: str = "cat/i.png", **keys: Any) -> DatasetSpec:
    write_image(folder / "images/i.png", np.zeros((*size_hw[:2], 3), np.uint8))
    pattern = name.replace("/i.", "/{stem}.")
    train = {"images": "images", "masks": {"of_class": {"cat": pattern}, **keys}}
    values = {"train": train, "classes": ["cat"], "task": "binary"}
    return DatasetSpec.model_validate(values, context={"folder": folder})


def labels_of(folder: Path, values: Values, **keys: Any) -> Values:
    save(folder, values)
    return np.asarray(open_split(dataset_of(folder, values.shape, **keys), "train").labels(0))


@pytest.mark.parametrize("what", CLEAN)
def test_of_two_values_the_other_than_0_is_the_class(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    values = CLEAN[what]
    expected = values.reshape(*values.shape[:2], -1).max(-1) > 0
    assert labels_of(tmp_path, values).tolist() == expected.tolist()
    assert not capsys.readouterr().err


@pytest.mark.parametrize("what", SMOOTHED)
def test_smoothed_masks_are_cut_at_the_middle_with_a_line(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    values = SMOOTHED[what]
    expected = values.reshape(*values.shape[:2], -1)[..., 0] > 127
    assert labels_of(tmp_path, values).tolist() == expected.tolist()
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert f"{tmp_path / 'cat'}/{{stem}}.png: masks have values between black and white" in line
    assert "pixels above 127 are of the class" in line


@pytest.mark.parametrize("what", IDS)
def test_what_may_be_ids_is_refused_with_file_values_and_fix(tmp_path: Path, what: str) -> None:
    values = IDS[what]
    with pytest.raises(DataError) as caught:
        labels_of(tmp_path, values)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path / 'cat/i.png'}: has the ")
    assert "name the masks with 'to'" in line
    some = values[values > 0].flat[0] if values.ndim == 2 else None
    assert some is None or " pixel" in line
    threshold = int(line.rsplit("'binary: ", 1)[1].rstrip("'"))
    expected = values.reshape(*values.shape[:2], -1).max(-1) > threshold
    assert labels_of(tmp_path, values, binary=threshold).tolist() == expected.tolist()


def test_a_jpeg_of_ids_is_refused(tmp_path: Path) -> None:
    values = discs(count=7)
    save(tmp_path, values, "cat/i.jpg", quality=95)
    dataset = dataset_of(tmp_path, values.shape, "cat/i.jpg")
    with pytest.raises(DataError, match=r"i\.jpg: has the values .* name the masks with 'to'"):
        open_split(dataset, "train").labels(0)


def test_a_jpeg_is_cut_at_the_middle(tmp_path: Path) -> None:
    save(tmp_path, one_class(), "cat/i.jpg", quality=60)
    found = open_split(dataset_of(tmp_path, (128, 128), "cat/i.jpg"), "train").labels(0)
    assert np.mean(found != (one_class() > 0)) < 0.01


@pytest.mark.parametrize("kind", ["clean", "smoothed", "ids"])
def test_large_masks_are_judged_as_a_whole(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids are met in the last region only; each region of a smoothed mask alone may look like ids."""
    values = {"clean": one_class() // 255, "smoothed": SMOOTHED["blurred"], "ids": one_class()}[kind]
    if kind == "ids":
        values[-20:, -20:] = 80
    monkeypatch.setattr(raster, "LARGE", 100)
    monkeypatch.setattr("seg.data.masks.mask_raster._AT_ONCE", (32, 32))
    save(tmp_path, values)
    split = open_split(dataset_of(tmp_path, values.shape), "train")
    if kind == "ids":
        with pytest.raises(DataError, match=r"cat/i\.png: has the values .*80 \(400 pixels\)"):
            split.open_labels(0)
        return
    found = split.open_labels(0)
    assert not isinstance(found, np.ndarray)
    expected = values > (127 if kind == "smoothed" else 0)
    assert found[0:128, 0:128].tolist() == expected.tolist()


def test_the_check_names_the_file(tmp_path: Path) -> None:
    save(tmp_path, IDS["0 to 7"])
    findings = check_dataset(dataset_of(tmp_path, (128, 128))).findings
    assert any(
        "cat/i.png: has the values" in str(finding) for finding in findings if finding.severity == "error"
    )


def test_a_submission_of_class_masks_goes_by_the_same_rule(project: Path) -> None:
    run = CliRunner()
    run.invoke(app, ["ensemble", str(project), "-o", str(project.parent / "out"), "--format", "class-png"])
    mask = project.parent / "out/paper/0.png"
    was = np.array(Image.open(mask))
    convert = ["submission", "convert", str(project), str(mask.parent.parent), "--from", "class-png", "--to"]
    target = ["kaggle", "-o", str(project.parent / "out.csv"), "--overwrite"]
    Image.fromarray((was // 255) + np.arange(was.shape[1], dtype=np.uint8)).save(mask)
    assert "more than two values" in str(run.invoke(app, [*convert, *target]).exception)
    Image.fromarray(was // 255).save(mask)
    assert run.invoke(app, [*convert, *target]).exit_code == 0


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([3, 9, 31]),
    st.integers(2, 20),
    st.booleans(),
)
def test_areas_of_ids_are_never_taken_for_a_smoothed_mask(
    seed: int, side: int, count: int, ignored: bool
) -> None:
    random = np.random.default_rng(seed)
    coarse = random.integers(1, count + 1, (4, 4), np.uint8)
    coarse[0, :3] = (0, 1, 2)
    values = np.kron(coarse, np.ones((side, side), np.uint8))
    if ignored:
        values[-side:] = 255
    assert find_binary_threshold(lambda: [values]) is None
