"""Images and masks are checked by themselves: pairs, transparency, resolution, images without any class."""

from pathlib import Path

import numpy as np
from PIL import Image

from seg.data.check.dataset import check_dataset
from seg.data.images.images import write_image, write_mask
from seg.spec import DatasetSpec, SplitSpec
from tests.data.conftest import MaskWriter


def test_masks_are_checked(masks: MaskWriter, tmp_path: Path) -> None:
    dataset = masks([0, 1, 9], classes=["a", "b"])
    assert isinstance(dataset.val, SplitSpec) and dataset.val.masks
    problems = {str(f.file.relative_to(tmp_path)): f.problem for f in check_dataset(dataset).findings}
    assert problems["masks/in/a.png"].startswith("has pixel values 9 (1 pixel), the id of no class")
    write_mask(dataset.val.masks.place / "b.png", np.zeros((1, 3), np.uint8))
    found = {str(f.file.relative_to(tmp_path)): f for f in check_dataset(dataset).findings}
    assert (found["masks/b.png"].severity, found["masks/b.png"].problem) == (
        "warning",
        "is the mask of no image",
    )
    (dataset.val.masks.place / "b.png").rename(dataset.val.masks.place / "in/a_mask.png")
    (dataset.val.masks.place / "in/a.png").unlink()
    (pairs,) = [f for f in check_dataset(dataset).findings if f.severity == "error"]
    assert pairs.file == dataset.val.masks.place
    assert pairs.problem.startswith("images and masks do not pair: of 1 image 1 have no mask of their name")
    assert "in/a_mask.png" in pairs.problem
    write_mask(dataset.val.masks.place / "in/a.png", np.zeros((2, 2), np.uint8))
    found_in = [(f.file.parent.parent.name, f.problem) for f in check_dataset(dataset).findings]
    assert ("images", "is 3x1, its labels are 2x2") in found_in


def test_transparency_that_is_dropped_is_a_warning(masks: MaskWriter, tmp_path: Path) -> None:
    dataset = masks([0, 1, 1, 0], classes=["a", "b"])
    for alpha, found in (([255] * 4, []), ([255, 0, 0, 0], ["75% of its pixels are transparent"])):
        pixels = np.dstack([np.zeros((1, 4, 3), np.uint8), np.array([alpha], np.uint8)])
        Image.fromarray(pixels, "RGBA").save(tmp_path / "images/in/a.png")
        problems = [one.problem for one in check_dataset(dataset).findings if one.severity == "warning"]
        assert [one[: len(found[0])] for one in problems if "transparent" in one] == found


def test_images_that_cannot_be_read_at_the_resolution_are_errors(tmp_path: Path) -> None:
    write_image(tmp_path / "images/a.png", np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))
    data = {"predict": {"images": tmp_path / "images"}, "classes": ["a", "b"], "resolution": 0.5}
    [finding] = check_dataset(DatasetSpec.model_validate(data)).findings
    assert finding.severity == "error"
    assert finding.problem == "does not say how large its pixels are, and 'resolution: 0.5' is wanted"
    assert finding.fix == "add 'pixel_size', the side of a pixel in the same unit, to the dataset"
    assert not check_dataset(DatasetSpec.model_validate(data | {"pixel_size": 0.25})).findings


def test_validation_images_that_show_no_class_are_told(tmp_path: Path) -> None:
    for number in range(3):
        write_image(tmp_path / f"x/{number}.png", np.full((8, 9, 3), number, np.uint8))
    for name, rows in (("train", "0.png,1,1 4\n"), ("val", "")):
        (tmp_path / f"{name}.csv").write_text("ImageId,ClassId,EncodedPixels\n" + rows)
    splits = {name: {"images": "x", "labels": f"{name}.csv"} for name in ("train", "val")}
    values = {**splits, "task": "multilabel", "classes": [{"name": "a", "id": 1}, {"name": "b", "id": 2}]}
    found = check_dataset(DatasetSpec.model_validate(values, context={"folder": tmp_path})).findings
    assert [one.problem for one in found if "is of any class" in one.problem] == [
        "no pixel of 3 validation images is of any class"
    ]
