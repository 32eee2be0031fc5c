"""Folds: every image held out once, groups whole, classes alike, and runs that say what they held out."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.data import open_split
from seg.data.division.stratify import assign_parts
from seg.errors import DataError, SpecError
from seg.spec import load_ensemble
from seg.spec.dataset.folds import FoldsSpec
from seg.spec.dataset.groups import GroupSpec
from seg.train.splits.folds import split_by_fold
from seg.train.trainer import train_member
from tests.train.conftest import SpecWriter

pytestmark = pytest.mark.slow


@given(
    images=st.integers(4, 60),
    classes=st.integers(1, 5),
    count=st.integers(2, 4),
    groups=st.integers(4, 20),
    seed=st.integers(0, 99),
)
def test_groups_stay_whole_and_no_fold_is_empty(
    images: int, classes: int, count: int, groups: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    has_nc = random.random((images, classes)) < 0.3
    # Each of the first groups has an image.
    group_n = [str(number) for number in (*range(4), *random.integers(groups, size=images - 4))]
    fold_n = assign_parts(has_nc, group_n, [1] * count, seed)
    assert set(fold_n.tolist()) == set(range(count))
    for group in set(group_n):
        assert len({fold for fold, of in zip(fold_n.tolist(), group_n, strict=True) if of == group}) == 1


def test_a_rare_class_is_dealt_evenly_where_chance_would_not() -> None:
    random = np.random.default_rng(0)
    has_nc = random.random((200, 4)) < np.array([0.9, 0.5, 0.1, 0.03])
    fold_n = assign_parts(has_nc, [str(n) for n in range(200)], [1] * 5, 0)
    counts_fc = np.array([has_nc[fold_n == fold].sum(0) for fold in range(5)])
    assert np.ptp(counts_fc, axis=0).max() <= 2
    assert np.ptp(np.bincount(fold_n)) <= 2
    by_chance = np.array([has_nc[np.arange(200) % 5 == fold].sum(0) for fold in range(5)])
    assert np.ptp(counts_fc, axis=0).sum() < np.ptp(by_chance, axis=0).sum()


def fold_spec(toy_spec: SpecWriter, folder: Path, folds: str, fold: int = 0) -> Path:
    path = toy_spec(folder, epochs=1)
    text = path.read_text().replace("name: toy", f"name: toy, fold: {fold}")
    path.write_text(text + f"folds: {folds}\n")
    return path


def test_each_image_is_held_out_by_one_member(toy_spec: SpecWriter, tmp_path: Path) -> None:
    held_out = []
    for fold in range(2):
        path = fold_spec(toy_spec, tmp_path / str(fold), "{count: 2}", fold)
        spec = load_ensemble(path)
        train_member(spec, spec.member("toy"))
        with (path.parent / "runs" / "toy" / "held_out.csv").open() as file:
            held_out += [row["image"] for row in csv.DictReader(file)]
    assert sorted(held_out) == sorted(sample.id for sample in open_split(spec.data, "train").samples)


def test_images_of_a_group_are_together(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec = load_ensemble(toy_spec(tmp_path))
    train = open_split(spec.data, "train")
    # Ids are 0..9: from 5 on nothing is found, which they share; each of the others is alone.
    kept, held_out = split_by_fold(train, FoldsSpec(count=2, group="^([0-4]?)"), 0)
    assert len(kept.samples) + len(held_out.samples) == len(train.samples)
    shared = {"5", "6", "7", "8", "9"}
    assert any(shared <= {sample.id for sample in split.samples} for split in (kept, held_out))
    assert kept.fingerprint != held_out.fingerprint
    index = train.samples.index(held_out.samples[-1])
    np.testing.assert_array_equal(held_out.labels(len(held_out.samples) - 1), train.labels(index))


@pytest.mark.parametrize(
    ("folds", "error", "problem"),
    [
        ("{count: 11}", DataError, "10 groups, too few for 11 folds"),
        ("{count: 2, group: '^x'}", SpecError, "does not match image '0'"),
        ("{count: 2, group: '('}", SpecError, "no regular expression"),
        ("{count: 2}\nmerge: mean", None, ""),
    ],
)
def test_folds_that_cannot_be_are_one_line(
    toy_spec: SpecWriter, tmp_path: Path, folds: str, error: type[Exception] | None, problem: str
) -> None:
    path = fold_spec(toy_spec, tmp_path, folds)
    if error is None:
        load_ensemble(path)
        return
    with pytest.raises(error, match=problem):
        spec = load_ensemble(path)
        train_member(spec, spec.member("toy"))


def test_a_fold_needs_folds(toy_spec: SpecWriter, tmp_path: Path) -> None:
    path = fold_spec(toy_spec, tmp_path, "{count: 2}", fold=2)
    with pytest.raises(SpecError, match="toy: there is no fold 2 of 2"):
        load_ensemble(path)
    path.write_text(path.read_text().replace("folds: {count: 2}", ""))
    with pytest.raises(SpecError, match="toy: 'fold' needs 'folds'"):
        load_ensemble(path)


def test_the_groups_of_the_dataset_are_in_one_fold(toy_spec: SpecWriter, tmp_path: Path) -> None:
    train = open_split(load_ensemble(toy_spec(tmp_path)).data, "train")
    by_last_digit = GroupSpec(pattern=r"(\d)\.[a-z]+$")
    kept, held_out = split_by_fold(train, FoldsSpec(count=2), 0, by_last_digit)
    digits = [{sample.id[-1] for sample in part.samples} for part in (kept, held_out)]
    assert digits[0]
    assert digits[1]
    assert not digits[0] & digits[1]
