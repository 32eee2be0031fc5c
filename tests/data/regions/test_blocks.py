"""Blocks held out of images, regions as samples, class maps: against brute force."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seg.data import open_split, read_image
from seg.data.division.suggest_val import FEW
from seg.data.groups import group_images
from seg.data.guess.held_out import guess_val
from seg.data.images.images import write_image, write_mask
from seg.data.images.read_sample import open_sample, read_sample, size_of_sample
from seg.data.regions.class_map import CELL, ClassMap
from seg.data.regions.label_raster import count_labels
from seg.data.regions.region import Region, cut_region, grid_of_regions
from seg.data.regions.region_split import RegionSplit, split_in_regions
from seg.errors import DataError, SpecError
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.task import pack_masks
from seg.spec import load_dataset
from seg.spec.dataset.dataset import DatasetSpec

SIZE_HW = (500, 700)


@pytest.fixture
def labels_hw() -> NDArray[np.uint8]:
    """Three classes in patches, some pixels ignored."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 3, size=(50, 70), dtype=np.uint8)
    labels_hw = np.kron(coarse, np.ones((10, 10), np.uint8))
    labels_hw[:30, :30] = IGNORE_INDEX
    return labels_hw


@pytest.fixture
def folder(labels_hw: NDArray[np.uint8], tmp_path: Path) -> Path:
    write_image(
        tmp_path / "images/slide.png", np.random.default_rng(1).integers(0, 256, (*SIZE_HW, 3), np.uint8)
    )
    write_mask(tmp_path / "masks/slide.png", labels_hw)
    return tmp_path


def dataset(folder: Path, **val: Any) -> DatasetSpec:
    train = {"images": folder / "images", "masks": folder / "masks"}
    return DatasetSpec.model_validate({"train": train, "val": val, "classes": ["a", "b", "c"]})


@pytest.mark.parametrize("margin", [0, 16])
def test_no_pixel_is_learnt_from_that_is_measured_or_near(
    margin: int, folder: Path, labels_hw: NDArray[np.uint8]
) -> None:
    spec = dataset(folder, tiles=0.25, block=128, margin=margin)
    train, val = open_split(spec, "train"), open_split(spec, "val")

    measured_hw = np.zeros(SIZE_HW, dtype=bool)
    near_hw = np.zeros(SIZE_HW, dtype=bool)
    for index, sample in enumerate(val.samples):
        region = sample.region
        assert region is not None
        assert max(region.size_hw) <= 128
        assert not measured_hw[region.slices].any(), "blocks do not overlap"
        measured_hw[region.slices] = True
        top, left = max(0, region.top - margin), max(0, region.left - margin)
        near_hw[top : region.bottom + margin, left : region.right + margin] = True
        np.testing.assert_array_equal(val.labels(index), labels_hw[region.slices])
        np.testing.assert_array_equal(read_sample(sample), read_image(sample.image)[region.slices])
        assert open_sample(sample).shape[:2] == size_of_sample(sample) == region.size_hw

    assert 0.15 < measured_hw.mean() < 0.35
    np.testing.assert_array_equal(train.labels(0), np.where(near_hw, IGNORE_INDEX, labels_hw))
    np.testing.assert_array_equal(
        train.open_labels(0)[40:300, 100:650], np.where(near_hw, IGNORE_INDEX, labels_hw)[40:300, 100:650]
    )
    assert [sample.region for sample in train.samples] == [None]
    assert [sample.region for sample in open_split(spec, "predict").samples] == [None]
    assert len({sample.id for sample in val.samples}) == len(val.samples)
    assert group_images(val.samples, None).count == 1, "the regions of an image are one group"


def test_the_same_seed_holds_out_the_same_blocks_and_another_others(folder: Path) -> None:
    def held_out(seed: int) -> list[Region | None]:
        split = open_split(dataset(folder, tiles=0.2, block=64, seed=seed), "val")
        return [sample.region for sample in split.samples]

    assert held_out(0) == held_out(0)
    assert held_out(0) != held_out(1)
    fingerprints = {
        open_split(dataset(folder, tiles=0.2, block=64, seed=s), "train").fingerprint for s in (0, 0, 1)
    }
    assert len(fingerprints) == 2


def test_a_single_block_cannot_be_held_out(folder: Path) -> None:
    with pytest.raises(DataError, match="set a smaller 'block'"):
        open_split(dataset(folder, tiles=0.2, block=2048), "val")


@pytest.mark.parametrize(
    ("val", "problem"),
    [
        ("{ tiles: 1.5 }", "tiles"),
        ("{ tiles: 0.2, block: 3 }", "block"),
        ("{ tiles: 0.2, bloc: 64 }", "bloc"),
    ],
)
def test_nonsense_is_refused_with_its_line(val: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "data.yaml"
    path.write_text(f"train: {{ images: x, masks: y }}\nclasses: [a, b]\nval: {val}\n")
    with pytest.raises(SpecError, match=rf"data\.yaml:3: val.*{problem}"):
        load_dataset(path)


def test_regions_of_regions_are_regions_of_the_image(folder: Path, labels_hw: NDArray[np.uint8]) -> None:
    spec = dataset(folder, tiles=0.25, block=250)
    blocks = open_split(spec, "val")
    tiles = split_in_regions(blocks, [size_of_sample(sample) for sample in blocks.samples], (64, 100))
    assert isinstance(tiles, RegionSplit)
    assert len(tiles.samples) > len(blocks.samples)
    for index, sample in enumerate(tiles.samples):
        assert sample.region is not None
        np.testing.assert_array_equal(tiles.labels(index), labels_hw[sample.region.slices])
        assert sample.id == f"slide@{sample.region.top},{sample.region.left}"


@pytest.mark.parametrize("size_hw", [(1, 1), (64, 64), (500, 700), (4097, 2048)])
@pytest.mark.parametrize("side_hw", [(64, 64), (2048, 100)])
def test_a_grid_covers_every_pixel_once(size_hw: tuple[int, int], side_hw: tuple[int, int]) -> None:
    covered = np.zeros(size_hw, dtype=np.uint8)
    for region in grid_of_regions(size_hw, side_hw):
        assert region.height <= side_hw[0]
        assert region.width <= side_hw[1]
        covered[region.slices] += 1
    assert (covered == 1).all()
    assert cut_region(Region(0, 0, 0, 0), side_hw)[0].pixels == 0


def test_a_class_map_counts_every_cell(labels_hw: NDArray[np.uint8]) -> None:
    class_map = ClassMap.of(labels_hw, "multiclass", 3)
    rows, columns = -(-SIZE_HW[0] // CELL), -(-SIZE_HW[1] // CELL)
    assert class_map.counts_chw.shape == (3, rows, columns)
    for label in range(3):
        for row in range(rows):
            for column in range(columns):
                cell = labels_hw[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
                assert class_map.counts_chw[label, row, column] == (cell == label).sum()
    np.testing.assert_array_equal(class_map.counts_c, count_labels(labels_hw, "multiclass", 3))


def test_a_class_map_of_overlapping_classes_ends_with_pixels_of_none() -> None:
    masks_chw = np.random.default_rng(0).random((3, CELL + 5, 2 * CELL)) < 0.3
    known_hw = ~masks_chw[2]
    class_map = ClassMap.of(pack_masks(masks_chw), "multilabel", 2)
    assert class_map.counts_chw.shape == (3, 2, 2)
    for counts_hw, mask_hw in zip(
        class_map.counts_chw, (masks_chw[0], masks_chw[1], ~masks_chw[:2].any(0)), strict=True
    ):
        assert counts_hw[0, 1] == (mask_hw & known_hw)[:CELL, CELL:].sum()
        assert counts_hw[1, 0] == (mask_hw & known_hw)[CELL:, :CELL].sum()


def test_a_guess_holds_out_blocks_of_a_few_large_images(folder: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "large.png", np.zeros((1200, 2000, 3), np.uint8))
    large, small = tmp_path / "large.png", folder / "images/slide.png"
    assert guess_val([large, large])[0] == {"tiles": 0.2, "block": 256}
    assert guess_val([large] * FEW)[0] == 0.2
    assert guess_val([small])[0] == 0.2
    assert guess_val([tmp_path / "missing.png"])[0] == 0.2
