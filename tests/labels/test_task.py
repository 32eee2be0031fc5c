"""Label maps of overlapping classes: bits and masks are each other's inverse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from seg.labels.task import (
    Task,
    count_pixels,
    ignore_value,
    ignored_in,
    label_dtype,
    masks_of,
    pack_masks,
    truth_dtype,
)


@given(arrays(np.bool_, array_shapes(min_dims=3, max_dims=3, max_side=9)))
def test_masks_come_back_from_their_bits(masks_chw: NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(masks_of(pack_masks(masks_chw), "multilabel", len(masks_chw)), masks_chw)


@given(st.integers(1, 64), st.data())
def test_bits_are_those_of_plain_integers(n_classes: int, data: st.DataObject) -> None:
    chosen = data.draw(st.sets(st.integers(0, n_classes - 1)))
    masks_chw = np.array([bit in chosen for bit in range(n_classes)]).reshape(n_classes, 1, 1)
    packed_hw = pack_masks(masks_chw)
    assert int(packed_hw[0, 0]) == sum(2**bit for bit in chosen)
    assert packed_hw.dtype.itemsize * 8 >= n_classes


@pytest.mark.parametrize(
    "n_classes, dtype",
    [(1, "uint8"), (8, "uint8"), (9, "uint16"), (16, "uint16"), (17, "uint32"), (64, "uint64")],
)
def test_a_map_is_as_small_as_its_classes_allow(n_classes: int, dtype: str) -> None:
    assert label_dtype("multilabel", n_classes) == dtype


def test_more_than_64_overlapping_classes_have_no_map() -> None:
    with pytest.raises(ValueError, match="65 overlapping classes: at most 64"):
        label_dtype("multilabel", 65)


def test_positions_and_the_ignore_index_become_masks() -> None:
    labels_hw = np.array([[0, 1, 255]], np.uint8)
    assert masks_of(labels_hw, "multiclass", 2).tolist() == [[[True, False, False]], [[False, True, False]]]


@given(arrays(np.bool_, array_shapes(min_dims=3, max_dims=3, max_side=12)), st.data())
def test_pixels_to_ignore_have_a_bit_of_their_own(masks_chw: NDArray[np.bool_], data: st.DataObject) -> None:
    ignored_hw = data.draw(arrays(np.bool_, masks_chw.shape[1:]))
    n_classes = len(masks_chw)
    truth_hw = pack_masks(np.concatenate([masks_chw, ignored_hw[None]]))
    assert truth_hw.dtype == truth_dtype("multilabel", n_classes)
    assert set(truth_hw[ignored_hw & ~masks_chw.any(0)].tolist()) <= {ignore_value("multilabel", n_classes)}
    np.testing.assert_array_equal(ignored_in(truth_hw, "multilabel", n_classes), ignored_hw)
    known_chw = masks_chw & ~ignored_hw
    np.testing.assert_array_equal(masks_of(truth_hw, "multilabel", n_classes), known_chw)
    assert count_pixels(truth_hw, "multilabel", n_classes).tolist() == known_chw.sum((1, 2)).tolist()


def test_a_prediction_may_have_no_bit_for_pixels_to_ignore() -> None:
    full_hw = np.full((1, 2), 255, np.uint8)
    assert not ignored_in(full_hw, "multilabel", 8).any()
    assert masks_of(full_hw, "multilabel", 8).all()
    assert ignored_in(full_hw, "multilabel", 7).all()


@pytest.mark.parametrize(
    "task, n_classes, dtype, ignored",
    [
        ("multiclass", 20, "uint8", 255),
        ("binary", 1, "uint8", 2),
        ("multilabel", 7, "uint8", 128),
        ("multilabel", 8, "uint16", 256),
        ("multilabel", 63, "uint64", 2**63),
    ],
)
def test_ground_truth_has_room_for_pixels_to_ignore(
    task: Task, n_classes: int, dtype: str, ignored: int
) -> None:
    assert truth_dtype(task, n_classes) == dtype
    assert ignore_value(task, n_classes) == ignored
    assert ignored_in(np.array([[ignored, 0]], dtype), task, n_classes).tolist() == [[True, False]]


def test_positions_are_counted() -> None:
    labels_hw = np.array([[0, 2, 2, 255]], np.uint8)
    assert count_pixels(labels_hw, "multiclass", 4).tolist() == [1, 0, 2, 0]
    assert ignored_in(labels_hw, "multiclass", 4).tolist() == [[False, False, False, True]]
