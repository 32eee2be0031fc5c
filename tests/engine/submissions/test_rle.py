"""Run lengths against pycocotools and a loop over pixels."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from seg.engine.submissions.tables import rle
from seg.errors import DataError
from seg.labels.label_map import LabelsHW
from seg.spec.ensemble.output import RleSpec

CLASSES = 4


def label_maps() -> st.SearchStrategy[LabelsHW]:
    return st.tuples(st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**32 - 1)).map(
        lambda t: np.random.default_rng(t[2]).integers(0, CLASSES, t[:2], dtype=np.uint8)
    )


def by_counting(mask_hw: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> str:
    runs: list[list[int]] = []
    for place, inside in enumerate(mask_hw.T.reshape(-1).tolist(), start=1):
        if inside and runs and runs[-1][0] + runs[-1][1] == place:
            runs[-1][1] += 1
        elif inside:
            runs.append([place, 1])
    return " ".join(f"{start} {length}" for start, length in runs)


@given(labels_hw=label_maps())
def test_encode_is_what_counting_gives(labels_hw: LabelsHW) -> None:
    assert rle.encode_rle(labels_hw, CLASSES) == [by_counting(labels_hw == c) for c in range(CLASSES)]


class ByRegion:
    """A label map that is no array."""

    def __init__(self, labels_hw: LabelsHW) -> None:
        self._labels_hw = labels_hw
        self.shape = labels_hw.shape

    def __getitem__(self, place: tuple[slice, slice], /) -> LabelsHW:
        assert len(self._labels_hw[place]) <= rle.ROWS_OF_A_STRIP
        return self._labels_hw[place]


@given(labels_hw=label_maps(), rows=st.integers(1, 9), order=st.sampled_from(["columns", "rows"]))
def test_strips_give_the_same_text(labels_hw: LabelsHW, rows: int, order: Literal["columns", "rows"]) -> None:
    style = RleSpec(order=order, first=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rle, "ROWS_OF_A_STRIP", rows)
        by_strip = rle.encode_rle(ByRegion(labels_hw), CLASSES, style)
    assert by_strip == rle.encode_rle(labels_hw, CLASSES, style)


@given(labels_hw=label_maps())
def test_decode_undoes_encode(labels_hw: LabelsHW) -> None:
    for label, text in enumerate(rle.encode_rle(labels_hw, CLASSES)):
        np.testing.assert_array_equal(rle.decode_rle(text, labels_hw.shape), labels_hw == label)


@given(labels_hw=label_maps())
def test_areas_are_those_of_pycocotools(labels_hw: LabelsHW) -> None:
    for label, text in enumerate(rle.encode_rle(labels_hw, CLASSES)):
        theirs = coco_mask.encode(np.asfortranarray(labels_hw == label, dtype=np.uint8))
        lengths = [int(n) for n in text.split()[1::2]]
        assert sum(lengths) == int(coco_mask.area(theirs))


def test_the_example_that_everyone_knows() -> None:
    """`1 3 10 5`: pixels 1, 2, 3 and 10 to 14, from the top down and column by column."""
    mask_hw = rle.decode_rle("1 3 10 5", (5, 4))
    assert mask_hw.T.reshape(-1).nonzero()[0].tolist() == [0, 1, 2, 9, 10, 11, 12, 13]


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "1 2 3",
        "a b",
        "1  2",
        " 1 2",
        "0 3",
        "3 0",
        "1 3 2 2",
        "5 1 1 1",
        "1 21",
        "-1 2",
        "1 9999999999999999",
    ],
)
def test_malformed_runs_are_refused(text: str) -> None:
    with pytest.raises(DataError):
        rle.decode_rle(text, (5, 4))


def test_runs_may_follow_one_another_without_a_gap() -> None:
    """Other tools split a run, as at the end of a column."""
    np.testing.assert_array_equal(rle.decode_rle("2 3 5 2", (5, 4)), rle.decode_rle("2 5", (5, 4)))


@given(text=st.text("0123456789 -", max_size=30))
def test_decode_never_raises_anything_else(text: str) -> None:
    try:
        mask_hw = rle.decode_rle(text, (5, 4))
    except DataError:
        return
    assert mask_hw.sum() == sum(int(length) for length in text.split()[1::2])
