"""Views against ttach, on images that are not square."""

import numpy as np
import pytest
import torch
import ttach
from hypothesis import given
from hypothesis import strategies as st

from seg.engine.views import VIEWS
from seg.views import VIEW_NAMES, VIEW_SETS, ViewName, ViewSetName

IMAGE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)

TTACH = {
    "none": ttach.Compose([]),
    "hflip": ttach.aliases.hflip_transform(),
    "flips": ttach.Compose([ttach.HorizontalFlip(), ttach.VerticalFlip()]),
    "rot90": ttach.Compose([ttach.Rotate90(angles=[0, 90, 180, 270])]),
    "d4": ttach.aliases.d4_transform(),
}


@pytest.mark.parametrize("name", ["hflip", "flips", "rot90", "d4"])
def test_sets_are_those_of_ttach(name: ViewSetName) -> None:
    image_nchw = torch.from_numpy(IMAGE).permute(2, 0, 1)[None]
    theirs = {t.augment_image(image_nchw)[0].permute(1, 2, 0).numpy().tobytes() for t in TTACH[name]}
    ours = {np.ascontiguousarray(VIEWS[view].apply(IMAGE)).tobytes() for view in VIEW_SETS[name]}
    assert ours == theirs
    assert len(ours) == len(VIEW_SETS[name])


@given(
    name=st.sampled_from(VIEW_NAMES),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    seed=st.integers(0, 100),
)
def test_invert_undoes_apply(name: ViewName, height: int, width: int, seed: int) -> None:
    image_hwc = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    view = VIEWS[name]
    seen_hwc = view.apply(image_hwc)
    assert seen_hwc.shape[:2] == view.size((height, width))
    np.testing.assert_array_equal(view.invert(seen_hwc.transpose(2, 0, 1)).transpose(1, 2, 0), image_hwc)


@pytest.mark.parametrize("name", VIEW_NAMES)
def test_nothing_is_copied(name: ViewName) -> None:
    assert np.shares_memory(VIEWS[name].apply(IMAGE), IMAGE)
    assert np.shares_memory(VIEWS[name].invert(IMAGE), IMAGE)


@pytest.mark.parametrize("name", VIEW_NAMES)
@pytest.mark.parametrize("size_hw", [(5, 7), (7, 5), (1, 1), (1, 6), (64, 33)])
def test_restore_writes_what_invert_shows(name: ViewName, size_hw: tuple[int, int]) -> None:
    view = VIEWS[name]
    height, width = view.size(size_hw)
    plane_hw = np.random.default_rng(0).random((height + 3, width + 2)).astype(np.float32)[1:-2, 1:-1]
    spare_hw = np.full(size_hw, np.nan, dtype=np.float32)
    restored = view.restore(plane_hw, spare_hw)
    np.testing.assert_array_equal(restored, view.invert(plane_hw))
    assert np.shares_memory(restored, spare_hw) or name == "identity"
