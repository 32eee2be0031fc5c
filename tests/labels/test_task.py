"""Label maps of overlapping classes: bits and masks are each other's inverse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from seg.labels.task import label_dtype, masks_of, pack_masks


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
