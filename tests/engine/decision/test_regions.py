"""Regions of masks, beside scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage

from seg.engine.decision.regions import (
    Connectivity,
    area_of_largest_region,
    fill_holes,
    find_regions,
    keep_largest_region,
    remove_small_regions,
)

NEIGHBOURS = {4: ndimage.generate_binary_structure(2, 1), 8: ndimage.generate_binary_structure(2, 2)}

masks = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))
connectivities = st.sampled_from((4, 8))


def regions_by_scipy(mask_hw: NDArray[np.bool_], connectivity: int) -> list[NDArray[np.bool_]]:
    """A mask of each region, in the order of their first pixels."""
    numbers, count = ndimage.label(mask_hw, NEIGHBOURS[connectivity])
    return [numbers == number for number in range(1, count + 1)]


@given(masks, connectivities)
def test_regions_are_those_of_scipy(mask_hw: NDArray[np.bool_], connectivity: Connectivity) -> None:
    expected = regions_by_scipy(mask_hw, connectivity)
    numbers_hw, areas_n = find_regions(mask_hw, connectivity)
    assert sorted(areas_n[1:]) == sorted(region.sum() for region in expected)
    assert {(numbers_hw == number).tobytes() for number in range(1, len(areas_n))} == {
        region.tobytes() for region in expected
    }
    assert area_of_largest_region(mask_hw, connectivity) == max([0, *(region.sum() for region in expected)])


@given(masks, connectivities, st.integers(0, 20))
def test_small_regions_are_removed(
    mask_hw: NDArray[np.bool_], connectivity: Connectivity, least_area: int
) -> None:
    kept = [region for region in regions_by_scipy(mask_hw, connectivity) if region.sum() >= least_area]
    expected = np.any(kept, axis=0) if kept else np.zeros_like(mask_hw)
    np.testing.assert_array_equal(remove_small_regions(mask_hw, least_area, connectivity), expected)


@given(masks, connectivities)
def test_the_first_of_the_largest_regions_stays(
    mask_hw: NDArray[np.bool_], connectivity: Connectivity
) -> None:
    regions = regions_by_scipy(mask_hw, connectivity)
    expected = max(regions, key=np.count_nonzero) if regions else mask_hw
    np.testing.assert_array_equal(keep_largest_region(mask_hw, connectivity), expected)


@given(masks, connectivities)
def test_holes_are_filled_as_by_scipy(mask_hw: NDArray[np.bool_], connectivity: Connectivity) -> None:
    expected = ndimage.binary_fill_holes(mask_hw, NEIGHBOURS[12 - connectivity])
    np.testing.assert_array_equal(fill_holes(mask_hw, connectivity), expected)


@pytest.mark.parametrize(("connectivity", "area"), [(4, 1), (8, 3)])
def test_corners_connect_with_8_neighbours_alone(connectivity: Connectivity, area: int) -> None:
    assert area_of_largest_region(np.eye(3, dtype=np.bool_), connectivity) == area
