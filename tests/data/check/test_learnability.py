"""Labels that nothing can be learnt from are found, with what to do about them."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg.data import open_split
from seg.data.check.dataset import check_dataset
from seg.data.check.findings import Finding
from seg.data.check.learnability import count_class_pixels, crop_findings
from seg.data.images.images import write_image, write_mask
from seg.spec import DatasetSpec, RecipeSpec
from tests.data.conftest import CocoWriter, spec

SQUARE = [[0.0, 0.0, 10.0, 0.0, 10.0, 20.0, 0.0, 20.0]]


def of_masks(folder: Path, masks: list[list[int]], **said: Any) -> DatasetSpec:
    """A dataset of one image a mask, which is a row of pixels, in both splits."""
    for number, values in enumerate(masks):
        write_image(folder / f"images/{number}.png", np.full((1, len(values), 3), number, np.uint8))
        write_mask(folder / f"masks/{number}.png", np.array([values], np.uint8))
    return spec(folder, {"images": "images", "masks": "masks"}, **said)


def lines_about_training(dataset: DatasetSpec, recipe: RecipeSpec | None = None) -> list[str]:
    report = check_dataset(dataset, [recipe] if recipe else [])
    return [
        f"{one.severity}: {one.problem}: {one.fix}"
        for one in report.findings
        if "training split" not in one.problem
    ]


def test_masks_of_0_and_255_ask_for_the_id(tmp_path: Path) -> None:
    (line,) = lines_about_training(of_masks(tmp_path, [[0, 0, 0, 255]] * 2, classes=["background", "cell"]))
    assert line.startswith(
        "error: no pixel of 2 training images is of class cell, and 255 counts as unlabelled (25% "
    )
    assert "give cell the id 255" in line


def test_255_that_counts_as_background_asks_for_the_id_too(tmp_path: Path) -> None:
    dataset = of_masks(tmp_path, [[0, 0, 0, 255]], classes=["background", "cell"], unlabelled="background")
    (line,) = lines_about_training(dataset)
    assert "error: no pixel of 1 training image is of class cell, and 255 counts as unlabelled; " in line


def test_one_category_with_the_rest_ignored(coco: CocoWriter) -> None:
    document = {"categories": [{"id": 3, "name": "cell"}]}
    (line,) = lines_about_training(coco([{"category_id": 3, "segmentation": SQUARE}], document))
    assert line == (
        "error: there is one class, cell, and unlabelled pixels are ignored: there is nothing to tell apart:"
        " set 'unlabelled: Background'"
    )
    with_background = coco([{"category_id": 3, "segmentation": SQUARE}], document, unlabelled="Background")
    assert lines_about_training(with_background) == []


def test_a_class_without_a_pixel_is_a_warning_where_others_can_be_told_apart(tmp_path: Path) -> None:
    dataset = of_masks(tmp_path, [[0, 1], [1, 0]], classes=["a", "b", "root"])
    (line,) = lines_about_training(dataset)
    assert line.startswith(
        "warning: no pixel of 2 training images is of class root: label some, or remove it"
    )


def test_one_class_everywhere_is_an_error(tmp_path: Path) -> None:
    (line,) = lines_about_training(of_masks(tmp_path, [[0, 0]], classes=["a", "b", "c"]))
    assert line.startswith(
        "error: no pixel of 1 training image is of 2 classes, b, c; all that is labelled is a, "
    )


@pytest.mark.parametrize(("values", "found"), [([0, 1, 255, 255], False), ([0, 1, 255, 255, 255], True)])
def test_more_than_half_ignored_is_a_warning(tmp_path: Path, values: list[int], found: bool) -> None:
    lines = lines_about_training(of_masks(tmp_path, [values], classes=["a", "b"]))
    start = "warning: 60% of the pixels of 1 training image are ignored: set 'unlabelled: Background'"
    assert [line.startswith(start) for line in lines] == [True] * found


def test_nothing_labelled_is_an_error(tmp_path: Path) -> None:
    (line,) = lines_about_training(of_masks(tmp_path, [[255, 255]], classes=["a", "b"]))
    assert line == "error: no pixel of 1 training image has a label: label them"


@pytest.mark.parametrize(
    ("crop", "scale", "padding"),
    [((64, 64), (1.0, 1.0), None), ((512, 512), (1.0, 1.0), "98%"), ((128, 128), (0.5, 1.0), None),
     ((130, 130), (0.5, 1.0), "76%"), ((130, 130), (0.5, 1.5), None), ((64, 300), (1.0, 1.0), "79%")],
)  # fmt: skip
def test_a_crop_that_is_mostly_padding_is_a_warning(
    crop: tuple[int, int], scale: tuple[float, float], padding: str | None
) -> None:
    recipe = RecipeSpec(crop=crop, scale=scale)
    found = list(crop_findings(Path("images"), recipe, (64, 64)))
    if padding is None:
        assert found == []
    else:
        (finding,) = found
        assert finding.severity == "warning"
        assert f"is {padding} padding: the largest image is 64x64" in finding.problem


def test_the_check_of_a_recipe_looks_at_its_crop(tmp_path: Path) -> None:
    dataset = of_masks(tmp_path, [[0, 1]], classes=["a", "b"])
    (line,) = lines_about_training(dataset, RecipeSpec(crop=(64, 64)))
    assert line.startswith("warning: the crop 64x64 is 100% padding: the largest image is 1x2")


def test_counts_before_training_are_those_of_all_images_or_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    masks = [rng.choice([0, 1, 255], 7).tolist() for _ in range(40)]
    split = open_split(of_masks(tmp_path, masks, classes=["a", "b", "never"]), "train")
    flat = [value for values in masks for value in values]
    expected = Counter({"a": flat.count(0), "b": flat.count(1), "(ignored)": flat.count(255)})
    counts = count_class_pixels(split)
    assert (counts.images, counts.pixels, counts.largest_hw) == (40, expected, (1, 7))
    monkeypatch.setattr("seg.data.check.learnability._AT_ONCE", 4)
    monkeypatch.setattr("seg.data.check.learnability.LEAST_COUNTED", 8)
    assert count_class_pixels(split).images == 40, "one class was never seen"
    split = open_split(of_masks(tmp_path, masks, classes=["a", "b"]), "train")
    assert count_class_pixels(split).images == 8
    monkeypatch.setattr("seg.data.check.learnability.MOST_COUNTED", 4)
    assert count_class_pixels(split).images == 4


def test_of_some_images_nothing_is_said_for_sure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seg.data.check.learnability import learnable_findings

    monkeypatch.setattr("seg.data.check.learnability.MOST_COUNTED", 2)
    dataset = of_masks(tmp_path, [[0]] * 3, classes=["a", "b"])
    split = open_split(dataset, "train")
    (finding,) = learnable_findings(dataset, split.classes, count_class_pixels(split))
    assert isinstance(finding, Finding)
    assert finding.severity == "warning"
