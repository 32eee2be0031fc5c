"""Votes over submissions against a loop over pixels."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seg.engine.submissions import open_submission_format
from seg.errors import DataError
from seg.evaluate import vote as vote_module
from seg.evaluate.vote import Ties, vote_on_label_maps, vote_submissions
from seg.labels.label_map import IGNORE_INDEX
from seg.spec.ensemble.output import OutputSpec
from tests.engine.tiny_models import CLASSES

FORM = open_submission_format(OutputSpec(), CLASSES, "ground", str)


def by_pixel(maps_shw: NDArray[np.uint8], weights: Sequence[int]) -> NDArray[np.uint8]:
    """Pixel by pixel with whole weights; ties to the heaviest submission, then the lowest label."""
    result = np.full(maps_shw.shape[1:], IGNORE_INDEX, dtype=np.uint8)
    for place in np.ndindex(*maps_shw.shape[1:]):
        votes: dict[int, int] = defaultdict(int)
        for submission, weight in enumerate(weights):
            label = int(maps_shw[submission][place])
            if label != IGNORE_INDEX:
                votes[label] += weight
        if votes:
            most = max(votes.values())
            tied = [
                (-weight, label)
                for weight, labels_hw in zip(weights, maps_shw, strict=True)
                if votes.get(label := int(labels_hw[place])) == most
            ]
            result[place] = min(tied)[1]
    return result


@given(
    seed=st.integers(0, 2**32 - 1),
    weights=st.lists(st.integers(1, 4), min_size=1, max_size=6),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
)
def test_a_vote_is_what_counting_gives(seed: int, weights: list[int], height: int, width: int) -> None:
    random = np.random.default_rng(seed)
    choices = np.array([*range(len(CLASSES)), IGNORE_INDEX], dtype=np.uint8)
    maps_shw = random.choice(choices, (len(weights), height, width))
    np.testing.assert_array_equal(
        vote_on_label_maps(maps_shw, weights, len(CLASSES)), by_pixel(maps_shw, weights)
    )


def test_ties_can_go_to_the_lowest_label() -> None:
    maps_shw = np.array([[[2]], [[1]]], dtype=np.uint8)
    assert vote_on_label_maps(maps_shw, [1, 1], 4, "best").item() == 1
    assert vote_on_label_maps(maps_shw, [2, 1], 4, "best").item() == 2
    assert vote_on_label_maps(maps_shw, [1, 1], 4, "lowest").item() == 1
    assert vote_on_label_maps(maps_shw, [1, 2], 4, "best").item() == 1


@given(
    seed=st.integers(0, 2**32 - 1),
    weights=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.7, 1e6]), min_size=2, max_size=6),
    ties=st.sampled_from(["best", "lowest"]),
)
def test_the_order_of_submissions_decides_nothing(seed: int, weights: list[float], ties: Ties) -> None:
    random = np.random.default_rng(seed)
    maps_shw = random.integers(0, 3, (len(weights), 4, 4), dtype=np.uint8)
    order = random.permutation(len(weights))
    shuffled = vote_on_label_maps(maps_shw[order], [weights[s] for s in order], 3, ties)
    np.testing.assert_array_equal(shuffled, vote_on_label_maps(maps_shw, weights, 3, ties))


def test_submissions_in_any_order_are_voted_on_by_id_strip_by_strip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vote_module, "STRIP_PIXELS", 20)
    random = np.random.default_rng(0)
    maps = random.integers(0, len(CLASSES), (3, 5, 4, 6), dtype=np.uint8)
    paths = [tmp_path / f"{number}.csv" for number in range(3)]
    for submission, path in enumerate(paths):
        order = random.permutation(5).tolist() if submission else range(5)
        FORM.write(path, [(f"image_{n}", maps[submission, n]) for n in order])
    result = vote_submissions(
        FORM, paths, tmp_path / "out.csv", weights=[1, 1, 1], classes=4, size_of=lambda _: (4, 6)
    )
    assert result.images == 5
    assert result.agreement[0, 1] == pytest.approx((maps[0] == maps[1]).mean())
    assert result.agreement[2, 2] == 1
    found = list(FORM.read(tmp_path / "out.csv", lambda _: (4, 6)))
    assert [image_id for image_id, _ in found] == [f"image_{n}" for n in range(5)]
    for number, (_, labels_hw) in enumerate(found):
        np.testing.assert_array_equal(labels_hw, by_pixel(maps[:, number], [1, 1, 1]))


@pytest.mark.parametrize(
    ("first", "second", "problem"), [("ab", "a", "has no image 'b'"), ("a", "ab", "'b', which")]
)
def test_other_images_are_one_line(tmp_path: Path, first: str, second: str, problem: str) -> None:
    for name, ids in (("1.csv", first), ("2.csv", second)):
        FORM.write(tmp_path / name, [(image_id, np.zeros((2, 2), dtype=np.uint8)) for image_id in ids])
    paths = [tmp_path / "1.csv", tmp_path / "2.csv"]
    with pytest.raises(DataError, match=problem):
        vote_submissions(
            FORM, paths, tmp_path / "out.csv", weights=[1, 1], classes=4, size_of=lambda _: (2, 2)
        )
    assert not (tmp_path / "out.csv").exists()
