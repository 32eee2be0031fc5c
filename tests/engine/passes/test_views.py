"""Views against ttach, on images that are not square."""

import numpy as np
import pytest
import torch
import ttach
from hypothesis import given
from hypothesis import strategies as st

from seg.engine.passes.views import VIEWS
from seg.views import SCALE_NAMES, VIEW_NAMES, VIEW_SETS, ScaleName, ViewName, ViewSetName

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


@given(
    name=st.sampled_from([*VIEW_NAMES, *SCALE_NAMES]),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    is_cut_out=st.booleans(),
)
def test_a_row_of_a_batch_is_filled_with_what_apply_shows(
    name: ViewName, height: int, width: int, is_cut_out: bool
) -> None:
    """Of whole images, and of tiles, which are windows on larger ones."""
    larger_hwc = np.random.default_rng(0).integers(0, 256, (height + 2, width + 3, 3), dtype=np.uint8)
    image_hwc = larger_hwc[1:-1, 2:-1]
    if not is_cut_out:
        image_hwc = image_hwc.copy()
    view = VIEWS[name]
    batch_nhwc = np.full((2, *view.size((height, width)), 3), 7, dtype=np.uint8)
    view.fill(batch_nhwc[1], image_hwc)
    np.testing.assert_array_equal(batch_nhwc[1], view.apply(image_hwc))
    assert np.all(batch_nhwc[0] == 7)


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


@pytest.mark.parametrize("name", SCALE_NAMES)
@pytest.mark.parametrize("size_hw", [(5, 7), (64, 33), (1, 1), (37, 50)])
def test_a_scaled_view_comes_back_at_the_exact_size(name: ScaleName, size_hw: tuple[int, int]) -> None:
    """A slope stays the slope that it was, and its middle the middle."""
    view = VIEWS[name]
    height, width = size_hw
    slope_hw = np.add.outer(np.linspace(0, 100, height), np.linspace(0, 100, width))
    image_hwc = np.repeat(slope_hw[..., None], 3, axis=2).astype(np.uint8)
    seen_hwc = view.apply(image_hwc)
    assert seen_hwc.dtype == np.uint8
    assert seen_hwc.shape == (*view.size(size_hw), 3)
    plane_hw = seen_hwc[..., 0].astype(np.float32)
    restored = view.restore(plane_hw, np.empty(size_hw, dtype=np.float32))
    assert restored.shape == size_hw
    steps = 100 / max(1, min(size_hw) - 1)
    np.testing.assert_allclose(restored, image_hwc[..., 0], atol=1.5 * steps + 2)
    np.testing.assert_array_equal(view.restore_all(plane_hw[None], size_hw)[0], restored)


@pytest.mark.parametrize("scale", ["0.75", "1.25", "2"])
def test_a_scale_is_what_torch_makes_of_it(scale: str) -> None:
    """Bilinear, with pixels as areas; when shrinking, as antialiased as an area's mean."""
    image_hwc = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    seen_hwc = VIEWS[f"scale{scale}"].apply(image_hwc)  # type: ignore[index]
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image_hwc).permute(2, 0, 1)[None].float(),
        size=seen_hwc.shape[:2],
        mode="area" if float(scale) < 1 else "bilinear",
    )
    if float(scale) > 1:
        np.testing.assert_allclose(seen_hwc, expected[0].permute(1, 2, 0), atol=1.0)
    else:
        assert abs(seen_hwc.mean() - image_hwc.mean()) < 1


def test_a_flipped_scale_is_the_scale_of_the_flip() -> None:
    plain, flipped = VIEWS["scale1.5"], VIEWS["hflip-scale1.5"]
    np.testing.assert_array_equal(flipped.apply(IMAGE), plain.apply(np.ascontiguousarray(IMAGE[:, ::-1])))
