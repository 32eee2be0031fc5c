"""Outlines and run lengths against pycocotools."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from seg.data.coco.coco_file import CocoRle
from seg.data.coco.rasterise import MaskHW, rasterise_to_mask


def counts_of(mask_hw: MaskHW) -> list[int]:
    pixels = mask_hw.T.ravel()
    changes = np.flatnonzero(np.diff(pixels, prepend=False))
    return [int(n) for n in np.diff(np.concatenate(([0], changes, [pixels.size])))]


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    share=st.sampled_from([0.0, 0.02, 0.5, 0.98, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_run_lengths_of_both_kinds(height: int, width: int, share: float, seed: int) -> None:
    mask_hw = np.random.default_rng(seed).random((height, width)) < share
    compressed = coco_mask.encode(np.asfortranarray(mask_hw, dtype=np.uint8))["counts"].decode()
    for counts in (compressed, counts_of(mask_hw)):
        shape = CocoRle(size=(height, width), counts=counts)
        np.testing.assert_array_equal(rasterise_to_mask(shape, (height, width)), mask_hw)


def test_long_runs_have_many_characters() -> None:
    mask_hw = np.zeros((3000, 2000), np.uint8)
    mask_hw[10:2990, 700:1900] = 1
    counts = coco_mask.encode(np.asfortranarray(mask_hw))["counts"].decode()
    found = rasterise_to_mask(CocoRle(size=(3000, 2000), counts=counts), (3000, 2000))
    np.testing.assert_array_equal(found, mask_hw.astype(bool))


corner = st.floats(-20, 60, allow_nan=False).map(lambda x: round(x, 2))


@given(st.lists(st.lists(corner, min_size=6, max_size=12).map(lambda p: p[: len(p) // 2 * 2]), max_size=3))
def test_polygons_are_joined_as_pycocotools_does(polygons: list[list[float]]) -> None:
    height, width = 30, 40
    expected = np.zeros((height, width), bool)
    for polygon in polygons:
        (rle,) = coco_mask.frPyObjects([polygon], height, width)
        expected |= coco_mask.decode(rle).astype(bool)
    np.testing.assert_array_equal(rasterise_to_mask(polygons, (height, width)), expected)


SIZE = (20, 30)


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ([[1, 2, 3, 4]], "at least 3 points"),
        ([[1, 2, 3, 4, 5, 6, 7]], "x and y each"),
        ([[0, 0, 1e9, 0, 1e9, 1e9]], r"\(1e\+09, 0\) is far outside the 30x20 image"),
        (CocoRle(size=(2, 2), counts=[4]), r"are for \(2, 2\)"),
        (CocoRle(size=SIZE, counts=[4]), "sum to 4, the image has 600"),
        (CocoRle(size=SIZE, counts=[]), "sum to 0"),
        (CocoRle(size=SIZE, counts=[700, -100]), r"a run of negative length \(-100\)"),
        (CocoRle(size=SIZE, counts=""), "not COCO's"),
        (CocoRle(size=SIZE, counts="52"), "sum to 7"),
        (CocoRle(size=SIZE, counts="oooo"), "not COCO's"),
        (CocoRle(size=SIZE, counts="o" * 40 + "1"), "not COCO's"),
        (CocoRle(size=SIZE, counts="~~~!!"), "not COCO's"),
        (CocoRle(size=SIZE, counts="\u00e9\ud800"), "not COCO's|sum"),
    ],
)
def test_what_is_malformed_says_how(shape: list[list[float]] | CocoRle, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        rasterise_to_mask(shape, SIZE)


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=12))
def test_any_text_is_the_right_pixels_or_an_error(text: str) -> None:
    """pycocotools reads past its buffers where counts do not add up, so nothing but ours may look."""
    try:
        mask_hw = rasterise_to_mask(CocoRle(size=(4, 5), counts=text), (4, 5))
    except ValueError:
        return
    expected = coco_mask.decode({"size": [4, 5], "counts": text.encode()})
    np.testing.assert_array_equal(mask_hw, expected.astype(bool))
