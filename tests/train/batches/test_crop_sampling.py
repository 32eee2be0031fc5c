"""Crops drawn from images by place: what is drawn how often, and what is read around it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seg.data import open_split
from seg.data.images import raster
from seg.data.images.images import write_image, write_mask
from seg.data.regions.class_map import CELL, ClassMap
from seg.errors import DataError, SpecError
from seg.labels.label_map import IGNORE_INDEX
from seg.spec import RecipeSpec, load_ensemble
from seg.spec.dataset.dataset import DatasetSpec
from seg.train.augment import Augment
from seg.train.batches.crop_sampling import CropSampler
from seg.train.batches.datasets import TrainDataset
from seg.train.splits.training_images import open_training_images, training_window_of
from seg.train.splits.windowed_split import WindowedSplit, window_around
from seg.train.trainer import train_member

DRAWS = 4000
SHARES = {0: 0.90, 1: 0.08, 2: 0.02}


@pytest.fixture(scope="module")
def label_maps() -> list[NDArray[np.uint8]]:
    """Two images whose cells are of one class each, in these shares; half of the second is ignored."""
    rng = np.random.default_rng(0)
    cells = rng.permutation(np.repeat(list(SHARES), [round(400 * share) for share in SHARES.values()]))
    first = np.kron(cells.reshape(20, 20), np.ones((CELL, CELL))).astype(np.uint8)
    second = np.zeros((10 * CELL, 20 * CELL), dtype=np.uint8)
    second[: 5 * CELL] = IGNORE_INDEX
    return [first, second]


def draw(label_maps: list[NDArray[np.uint8]], **recipe: Any) -> list[Any]:
    maps = [ClassMap.of(labels_hw, "multiclass", 3) for labels_hw in label_maps]
    return list(CropSampler(maps, RecipeSpec(samples=DRAWS, **recipe), background=0, epoch=0))


def shares(label_maps: list[NDArray[np.uint8]], draws: list[Any]) -> dict[int, float]:
    drawn = [int(label_maps[one.image][one.centre]) for one in draws]
    return {label: drawn.count(label) / len(drawn) for label in (*SHARES, IGNORE_INDEX)}


def test_uniform_draws_by_labelled_area(label_maps: list[NDArray[np.uint8]]) -> None:
    draws = draw(label_maps)
    found = shares(label_maps, draws)
    assert found[IGNORE_INDEX] == 0
    for label, share in {0: (360 + 100) / 500, 1: 32 / 500, 2: 8 / 500}.items():
        assert found[label] == pytest.approx(share, abs=0.02)
    assert np.mean([one.image for one in draws]) == pytest.approx(100 / 500, abs=0.02)


def test_class_balanced_meets_each_class_equally_often(label_maps: list[NDArray[np.uint8]]) -> None:
    found = shares(label_maps, draw(label_maps, sampling="class_balanced"))
    assert all(found[label] == pytest.approx(1 / 3, abs=0.03) for label in SHARES)


@pytest.mark.parametrize("foreground", [0.3, 1.0])
def test_a_share_of_crops_is_drawn_on_foreground(
    foreground: float, label_maps: list[NDArray[np.uint8]]
) -> None:
    found = shares(label_maps, draw(label_maps, foreground=foreground))
    anywhere = 460 / 500
    assert found[0] == pytest.approx((1 - foreground) * anywhere, abs=0.03)
    assert found[1] == pytest.approx(4 * found[2], rel=0.35), "by area among the others"


def test_epochs_differ_and_repeat(label_maps: list[NDArray[np.uint8]]) -> None:
    maps = [ClassMap.of(labels_hw, "multiclass", 3) for labels_hw in label_maps]
    sampler = CropSampler(maps, RecipeSpec(samples=50), background=0, epoch=0)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert first == list(CropSampler(maps, RecipeSpec(samples=50), background=0, epoch=0))
    assert first != second
    assert len(set(first)) == 50 == len(sampler)


def test_images_without_a_label_are_refused() -> None:
    nothing = ClassMap.of(np.full((100, 100), IGNORE_INDEX, dtype=np.uint8), "multiclass", 3)
    with pytest.raises(DataError, match="no pixel of the training images is labelled"):
        CropSampler([nothing], RecipeSpec(samples=5), background=None, epoch=0)


@given(
    centre=st.tuples(st.integers(0, 400), st.integers(0, 400)),
    side_hw=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    size_hw=st.tuples(st.integers(1, 300), st.integers(1, 300)),
)
def test_a_window_lies_inside_and_has_its_pixel(
    centre: tuple[int, int], side_hw: tuple[int, int], size_hw: tuple[int, int]
) -> None:
    region = window_around(centre, side_hw, size_hw)
    assert region.size_hw == tuple(map(min, side_hw, size_hw))
    assert region.top >= 0 <= region.left
    assert region.bottom <= size_hw[0]
    assert region.right <= size_hw[1]
    for start, stop, middle, extent in zip(
        (region.top, region.left), (region.bottom, region.right), centre, size_hw, strict=True
    ):
        assert start <= min(middle, extent - 1) < stop


@given(
    seed=st.integers(0, 2**31),
    crop_and_views=st.sampled_from(
        [((32, 32), "d4"), ((48, 48), "rot90"), ((32, 80), "flips"), ((48, 32), "none")]
    ),
)
def test_the_pixel_is_in_the_crop_which_needs_no_padding(
    seed: int, crop_and_views: tuple[tuple[int, int], str]
) -> None:
    crop, views = crop_and_views
    recipe = RecipeSpec.model_validate(
        {"samples": 1, "crop": list(crop), "train_views": views, "augmentation": "none", "scale": [0.75, 1.5]}
    )
    height, width = training_window_of(recipe)
    labels_hw = np.zeros((height, width), dtype=np.uint8)
    labels_hw[height // 2 - 2 : height // 2 + 3, width // 2 - 2 : width // 2 + 3] = 1
    _, crop_hw = Augment(recipe)(np.zeros((height, width, 3), np.uint8), labels_hw, seed)
    assert crop_hw.shape == crop
    assert (crop_hw == 1).any()
    assert not (crop_hw == IGNORE_INDEX).any()


@pytest.fixture
def slide(tmp_path: Path) -> DatasetSpec:
    """One image of 700x900 whose colour tells the class, and its mask."""
    labels_hw = np.kron(np.random.default_rng(0).integers(0, 3, (7, 9)), np.ones((100, 100))).astype(np.uint8)
    colours = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200]], dtype=np.uint8)
    write_image(tmp_path / "images/slide.png", colours[labels_hw])
    write_mask(tmp_path / "masks/slide.png", labels_hw)
    return DatasetSpec.model_validate(
        {
            "train": {"images": tmp_path / "images", "masks": tmp_path / "masks"},
            "val": {"tiles": 0.25, "block": 128, "margin": 8},
            "classes": ["red", "green", "blue"],
        }
    )


def test_crops_show_the_image_with_its_labels_and_no_block_held_out(slide: DatasetSpec) -> None:
    pytest.importorskip("rasterio")
    recipe = RecipeSpec.model_validate(
        {"samples": 40, "crop": 64, "train_views": "d4", "augmentation": "none", "scale": [1, 1]}
    )
    images = open_training_images(recipe, open_split(slide, "train"))
    assert isinstance(images, WindowedSplit)
    crops = TrainDataset(images, Augment(recipe))
    for drawn in CropSampler(images.class_maps, recipe, None, 0):
        image, labels = (one.numpy() for one in crops[drawn])
        known = labels != IGNORE_INDEX
        assert known.any()
        np.testing.assert_array_equal(image.argmax(-1)[known], labels[known])


def test_a_large_image_is_not_trained_on_whole(slide: DatasetSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raster, "LARGE", 1000)
    with pytest.raises(DataError, match=r"slide\.png: has 900x700 pixels.*samples: 2'"):
        open_training_images(RecipeSpec(), open_split(slide, "train"))


@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        ("{ samples: 0 }", "samples"),
        ("{ samples: 4, multiply: 2 }", "'samples' and 'multiply' exclude each other"),
        ("{ samples: 4, foreground: 2 }", "foreground"),
        ("{ samples: 4, copy_paste: { classes: rare } }", "'samples' and 'copy_paste' exclude each other"),
        ("{ samples: 4, input: { mode: resize, size: 64 } }", "sees whole images"),
    ],
)
def test_what_does_not_suit_crops_is_refused_with_its_line(recipe: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    data = "data: { train: { images: x, masks: y }, classes: [a, b] }"
    path.write_text(f"{data}\nrecipe: {recipe}\nmembers: [{{ name: a }}]\n")
    with pytest.raises(SpecError, match=rf"spec\.yaml:2: recipe.*{problem}"):
        load_ensemble(path)


@pytest.mark.slow
@pytest.mark.parametrize("large", [False, True])
def test_one_image_is_enough_to_train_and_to_validate(
    large: bool, slide: DatasetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        pytest.importorskip("rasterio")
        monkeypatch.setattr(raster, "LARGE", 1000)
    (tmp_path / "spec.yaml").write_text(
        "data:\n"
        f"  train: {{ images: {tmp_path}/images, masks: {tmp_path}/masks }}\n"
        "  val: { tiles: 0.25, block: 128, margin: 8 }\n"
        "  classes: [red, green, blue]\n"
        "recipe: { architecture: linknet, encoder: tu-test_efficientnet, epochs: 6, batch_size: 4,\n"
        "  crop: 64, samples: 32, sampling: class_balanced, learning_rate: 5.0e-3, workers: 0 }\n"
        "members: [{ name: a }]\n"
        "runs: runs\n"
    )
    spec = load_ensemble(tmp_path / "spec.yaml")
    result = train_member(spec, spec.members[0])
    assert result.best_miou > 0.6


def test_pixels_of_no_class_are_drawn_like_a_class_if_classes_overlap() -> None:
    """One cell in four has both of two classes, and one is ignored."""
    labels_hw = np.kron([[3, 0], [0, 4]], np.ones((CELL, CELL))).astype(np.uint8)
    maps = [ClassMap.of(labels_hw, "multilabel", 2)]
    recipe = RecipeSpec(samples=DRAWS, sampling="class_balanced", foreground=0.5)
    drawn = [int(labels_hw[one.centre]) for one in CropSampler(maps, recipe, background=2, epoch=0)]
    assert set(drawn) == {0, 3}
    assert drawn.count(3) / DRAWS == pytest.approx(0.5 + 0.5 * 2 / 3, abs=0.03)
