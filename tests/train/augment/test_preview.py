"""The preview shows and judges what the network is given in training."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seg.data import open_split, read_image
from seg.data.images.images import write_mask
from seg.errors import DataError
from seg.labels.label_map import IGNORE_INDEX, ImageHWC
from seg.spec import EnsembleSpec, RecipeSpec, load_ensemble
from seg.spec.dataset.masks import MasksSpec
from seg.train import preview as module
from seg.train.batches.loaders import build_loaders
from seg.train.distributed.process_group import ProcessGroup
from seg.train.member.input_card import input_card_of
from seg.train.networks.segmenter import Segmenter
from seg.train.preview import PreviewCrop, preview_crops, whole_image_recipe
from seg.train.splits.decoded_split import DecodedSplit
from seg.train.trainer import train_member

SpecWriter = Callable[..., Path]
DARK = [{"RandomBrightnessContrast": {"brightness_limit": [-0.9, -0.9], "contrast_limit": [0, 0], "p": 0.5}}]


def load(path: Path) -> tuple[EnsembleSpec, RecipeSpec]:
    spec = load_ensemble(path)
    return spec, spec.recipe_of(spec.members[0])


def contains(sheet_hwc: ImageHWC, picture_hwc: ImageHWC) -> bool:
    """Whether the picture stands somewhere on the sheet."""
    windows = np.lib.stride_tricks.sliding_window_view(sheet_hwc, picture_hwc.shape)[:, :, 0]
    corners = np.argwhere((windows[:, :, 0, 0] == picture_hwc[0, 0]).all(2))
    return any(np.array_equal(windows[y, x], picture_hwc) for y, x in corners)


@pytest.mark.parametrize("encoder", ["tu-test_efficientnet", "resnet18"])
@pytest.mark.parametrize("input_size", [None, 48])
def test_the_sheet_shows_the_first_epoch_of_training(
    toy_spec: SpecWriter, tmp_path: Path, encoder: str, input_size: int | None
) -> None:
    size = {"input": {"mode": "resize", "size": input_size}} if input_size else {}
    spec, recipe = load(toy_spec(tmp_path, augmentation="heavy", multiply=2, encoder=encoder, **size))
    sheet_hwc, _ = preview_crops(spec.data, recipe, count=2)

    if input_size:
        recipe = recipe.model_copy(update={"crop": (input_size, input_size)})
    train, val = (DecodedSplit(open_split(spec.data, name), recipe.input.size) for name in ("train", "val"))
    batches = [images for images, _ in build_loaders(recipe, train, val, epoch=0, group=ProcessGroup()).train]
    factor = -(-300 // recipe.crop[1])
    for image in (batches[0][0].numpy(), batches[-1][-1].numpy()):
        assert contains(sheet_hwc, image.repeat(factor, 0).repeat(factor, 1))


@pytest.mark.slow
@pytest.mark.parametrize("way", ["cutmix", "mixup", "gridmask"])
def test_mixed_batches_are_shown_as_the_network_gets_them(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    path = toy_spec(tmp_path, mix={way: 1.0}, epochs=1)
    spec, recipe = load(path)
    sheet_hwc, _ = preview_crops(spec.data, recipe, count=2)

    given: list[torch.Tensor] = []
    forward = Segmenter.forward

    def watched(segmenter: Segmenter, image: torch.Tensor) -> torch.Tensor:
        given.append(image)
        return forward(segmenter, image)

    monkeypatch.setattr(Segmenter, "forward", watched)
    train_member(spec, spec.members[0])
    for image in (given[0][0].numpy(), given[1][-1].numpy()):
        assert contains(sheet_hwc, image.repeat(10, 0).repeat(10, 1))


def test_black_crops_are_told_with_their_transforms(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec, recipe = load(toy_spec(tmp_path, augmentation=DARK, multiply=4, scale=[1, 1], train_views="none"))
    _, suspicious = preview_crops(spec.data, recipe, count=1)
    ids = {sample.id for sample in open_split(spec.data, "train").samples}
    # Ten images, of which three in four are darkened at a probability of one half.
    assert 5 <= len(suspicious) <= 25
    for crop in suspicious:
        assert crop.id in ids
        assert crop.image_hwc.max() == 0
        assert crop.applied == ("RandomBrightnessContrast",)
        assert crop.warning().startswith(f"{crop.id}: near-black, mean 0.0 (the image's mean is ")
        assert crop.warning().endswith(" of 255) after RandomBrightnessContrast")


def test_suspicious_crops_are_drawn_first(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec, recipe = load(toy_spec(tmp_path, augmentation=DARK))
    sheet_hwc, suspicious = preview_crops(spec.data, recipe, count=1)
    assert 0 < len(suspicious) < 10
    assert contains(sheet_hwc, np.zeros((300, 300, 3), np.uint8))


def test_nothing_is_said_of_good_crops(toy_spec: SpecWriter, tmp_path: Path) -> None:
    for augmentation in ("none", "light", "notes", "heavy"):
        spec, recipe = load(toy_spec(tmp_path / augmentation, augmentation=augmentation))
        assert preview_crops(spec.data, recipe, count=1)[1] == []


def test_flat_and_undefined_crops_are_told(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    white = [{"RandomBrightnessContrast": {"brightness_limit": [0.9, 0.9], "contrast_limit": [0, 0], "p": 1}}]
    spec, recipe = load(toy_spec(tmp_path, augmentation=white))
    assert {crop.problem.split(",")[0] for crop in preview_crops(spec.data, recipe, 1)[1]} == {
        "near-constant"
    }

    spec, recipe = load(toy_spec(tmp_path, augmentation="none"))
    card = input_card_of(recipe)
    broken = card.model_copy(update={"std": (0.0, 0.0, 0.0)})
    monkeypatch.setattr(module, "input_card_for", lambda *_: broken)
    assert {crop.problem[:15] for crop in preview_crops(spec.data, recipe, 1)[1]} == {"NaN or infinite"}


def test_crops_without_a_label_are_told(toy_spec: SpecWriter, tmp_path: Path, toy_data: Path) -> None:
    spec, recipe = load(toy_spec(tmp_path, augmentation="none", batch_size=5))
    write_mask(tmp_path / "masks" / "0.png", np.full((32, 32), IGNORE_INDEX, np.uint8))
    for other in range(1, 10):
        (tmp_path / "masks" / f"{other}.png").write_bytes(
            (toy_data / "train_masks" / f"{other}.png").read_bytes()
        )
    train = spec.data.split("train").model_copy(update={"masks": MasksSpec(to=(tmp_path / "masks",))})
    data = spec.data.model_copy(update={"train": train})
    (only,) = preview_crops(data, recipe, 1)[1]
    assert (only.id, only.problem.split(" (")[0]) == ("0", "without a labelled pixel")


def test_a_dataset_is_shown_as_it_is(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec, _ = load(toy_spec(tmp_path))
    recipe = whole_image_recipe(spec.data)
    sheet_hwc, suspicious = preview_crops(spec.data, recipe, count=10)
    assert suspicious == []
    for sample in open_split(spec.data, "train").samples[:2]:
        assert contains(sheet_hwc, read_image(sample.image).repeat(10, 0).repeat(10, 1))


def test_a_dataset_without_images_is_one_line(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec, recipe = load(toy_spec(tmp_path))
    (tmp_path / "none.json").write_text('{"images": [], "annotations": [], "categories": []}')
    train = spec.data.split("train").model_copy(update={"masks": None, "annotations": tmp_path / "none.json"})
    with pytest.raises(DataError, match="the training split has no images"):
        preview_crops(spec.data.model_copy(update={"train": train}), recipe, 1)


def test_a_warning_is_one_line() -> None:
    nothing = np.zeros((1, 1, 3), np.uint8)
    crop = PreviewCrop("a", nothing, nothing[..., 0], (), "near-black, mean 0.0")
    assert crop.warning() == "a: near-black, mean 0.0 after no transform"
    assert replace(crop, applied=("CLAHE", "ToGray")).warning().endswith(" after CLAHE, ToGray")


def seg(*arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seg", "data", "preview", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_command(toy_spec: SpecWriter, tmp_path: Path) -> None:
    path, picture = toy_spec(tmp_path, augmentation=DARK), tmp_path / "out.png"
    done = seg(path, "-o", picture, "--count", 3)
    assert done.returncode == 0, done.stderr
    *warnings, last = done.stdout.splitlines()
    assert warnings
    assert all(line.startswith("warning: ") and "RandomBrightness" in line for line in warnings)
    assert last == f"{picture}: written"
    assert read_image(picture).shape[1] > 4 * 300


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--member", "toi"], "no member 'toi': did you mean 'toy'?"),
        (["--member", "x"], "no member 'x'"),
        (["-o", "x.gif"], "x.gif: is not an image format"),
    ],
)
def test_a_mistake_is_one_line(
    toy_spec: SpecWriter, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = seg(toy_spec(tmp_path), *arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert message in line
