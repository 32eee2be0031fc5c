"""The built-in dataset: the same for everyone, in order, and not trivial."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from seg.data import open_split
from seg.data.check.dataset import check_dataset
from seg.data.coco.coco_file import read_coco
from seg.data.groups import group_images
from seg.data.images.images import read_image
from seg.data.sample import write_sample_dataset
from seg.data.sample.scene import draw_scene
from seg.errors import OutputError
from seg.spec import load_dataset

COUNTS = {"train": 30, "val": 4, "predict": 2}
write = partial(write_sample_dataset, train=30, val=4, predict=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "data"
    assert write(path)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(folder)
    write(tmp_path / "other", seed=1)
    assert contents(tmp_path / "other") != contents(folder)


def test_writing_again_does_nothing_and_overwrites_nothing(folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    assert not write(folder)
    with pytest.raises(OutputError, match="holds something else"):
        write(folder, seed=1)
    assert contents(folder) == before


def test_a_file_in_its_place_is_kept(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine")
    with pytest.raises(OutputError, match="holds something else"):
        write(tmp_path / "data")
    assert (tmp_path / "data").read_text() == "mine"


def test_nothing_is_wrong_with_it(folder: Path) -> None:
    report = check_dataset(load_dataset(folder / "dataset.yaml"))
    assert [str(finding) for finding in report.findings] == []
    assert [split.images for split in report.splits] == list(COUNTS.values())


def test_it_has_the_classes_of_the_trash_competition(folder: Path) -> None:
    split = open_split(load_dataset(folder / "dataset.yaml"), "train")
    assert [c.name for c in split.classes] == [
        "Background", "UNKNOWN", "General trash", "Paper", "Paper pack", "Metal", "Glass",
        "Plastic", "Styrofoam", "Plastic bag", "Battery", "Clothing",
    ]  # fmt: skip
    seen = np.unique(np.concatenate([split.labels(i).ravel() for i in range(COUNTS["train"])]))
    assert seen.tolist() == list(range(12))


def test_polygons_say_what_was_drawn(folder: Path) -> None:
    split = open_split(load_dataset(folder / "dataset.yaml"), "train")
    for number in range(1, COUNTS["train"] + 1):
        _, things = draw_scene((128, 160), np.random.default_rng([0, 0, number]))
        drawn = np.zeros((128, 160), np.uint8)
        for thing in sorted(things, key=lambda t: -int(t.mask_hw.sum())):
            drawn[thing.mask_hw] = thing.category
        assert (split.labels(number - 1) != drawn).mean() < 0.001


def test_objects_are_split_repeated_and_overlap(folder: Path) -> None:
    coco = read_coco(folder / "train.json")
    polygons = [len(a.segmentation) for a in coco.annotations if isinstance(a.segmentation, list)]
    assert max(polygons) >= 2
    of_image = {i.id: [a.category_id for a in coco.annotations if a.image_id == i.id] for i in coco.images}
    assert any(len(set(ids)) < len(ids) for ids in of_image.values())
    overlaps = 0
    for number in range(1, COUNTS["train"] + 1):
        _, things = draw_scene((128, 160), np.random.default_rng([0, 0, number]))
        overlaps += int((np.sum([t.mask_hw for t in things], axis=0) > 1).any())
    assert overlaps


def test_places_differ_and_are_in_one_split_each(tmp_path: Path) -> None:
    write(tmp_path / "places", scenes=6)
    dataset = load_dataset(tmp_path / "places/dataset.yaml")
    splits = [open_split(dataset, "train"), open_split(dataset, "val"), open_split(dataset, "predict")]
    groups = [set(group_images(split.samples, dataset.group).labels) for split in splits]
    assert groups == [{"scene01", "scene02"}, {"scene03", "scene04"}, {"scene05", "scene06"}]
    first, second = (
        np.mean([read_image(s.image).mean((0, 1)) for s in splits[0].samples[half]], axis=0)
        for half in (slice(0, 15), slice(15, 30))
    )
    assert np.abs(first - second).max() > 10
