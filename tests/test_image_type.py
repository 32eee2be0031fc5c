"""Types of images: what a model takes, and how other images are converted to it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.image_type import (
    PIXEL_TYPES,
    RGB8,
    ImageType,
    PixelType,
    common_image_type,
    fused_image_type,
    image_type_holding,
)

TYPES = st.builds(ImageType, st.sampled_from(PIXEL_TYPES), st.integers(1, 5))


def drawn(image_type: ImageType) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
    return np.arange(2 * 3 * image_type.bands).reshape(2, 3, -1).astype(image_type.pixels)


@given(TYPES, TYPES)
def test_an_image_is_converted_without_loss_or_refused(taken: ImageType, given_type: ImageType) -> None:
    image = drawn(given_type)
    exact = taken == RGB8
    if given_type.bands < taken.bands or (exact and given_type != RGB8):
        with pytest.raises(ValueError, match=r"expected .*, received"):
            taken.convert(image)
        return
    converted = taken.convert(image)
    assert (converted.dtype.name, converted.shape[2]) == (taken.pixels, taken.bands)
    np.testing.assert_array_equal(converted, image[..., : taken.bands])


@given(TYPES, TYPES)
def test_a_common_type_is_taken_from_both_and_a_fused_one_serves_both(a: ImageType, b: ImageType) -> None:
    held = image_type_holding([drawn(a), drawn(b)])
    assert held == common_image_type(a, b)
    fused = fused_image_type([a, b])
    for one in (a, b):
        assert held.bands <= one.bands <= fused.bands
        if one != RGB8:
            one.convert(drawn(fused))


def test_no_images_hold_no_type() -> None:
    assert image_type_holding([]) is None


@pytest.mark.parametrize("pixels", ["uint8", "uint16"])
def test_nan_becomes_what_stands_for_no_data(pixels: PixelType) -> None:
    taken = ImageType(pixels, 2, (7, 9))
    image = np.array([[[np.nan, 1.0], [2.0, np.nan]]], np.float32)
    assert taken.convert(image).tolist() == [[[7, 1], [2, 9]]]


@pytest.mark.parametrize("value", [0.5, -1.0, 65536.0, np.inf])
def test_values_that_would_change_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="with values that it does not hold"):
        ImageType("uint16", 1).convert(np.array([[[value]]], np.float32))


def test_rgb_of_8_bits_is_the_array_itself() -> None:
    image = drawn(RGB8)
    assert RGB8.convert(image) is image
