"""Pixels of any bands and depth in 0..1, and first convolutions for them, against numpy and timm."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from seg.errors import SpecError
from seg.image_type import ImageType
from seg.models.card import InputCard
from seg.pixel_range import PixelRange
from seg.spec import RecipeSpec
from seg.train.augment import Augment, check_augmentation
from seg.train.member.input_card import input_card_of
from seg.train.networks import build_network
from seg.train.networks.input_channels import adapt_values, set_input_channels
from seg.train.networks.pixel_scaling import PixelScaling

SIXTEEN = ImageType("uint16", 5)


def card_of(pixel_range: PixelRange, image_type: ImageType = SIXTEEN, **recipe: object) -> InputCard:
    given_recipe = RecipeSpec.model_validate({"encoder": "resnet18", **recipe})
    return input_card_of(given_recipe, pixel_range, image_type)


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.floats(-1000, 1000),
    st.floats(0.1, 60000),
    st.integers(0, 2**32 - 1),
)
def test_scaling_against_numpy(bands: list[int], low: float, width: float, seed: int) -> None:
    pixel_range = PixelRange(bands=tuple(bands), range=(low, low + width))
    image = np.random.default_rng(seed).integers(0, 2**16, (3, 4, 5), np.uint16)
    scaled = PixelScaling(card_of(pixel_range)).scale(image)
    chosen = image[..., [band - 1 for band in bands]].astype(np.float64)
    np.testing.assert_allclose(
        scaled, np.clip((chosen - low) / width, 0, 1), atol=1e-3 if width < 1 else 1e-5
    )


def test_pixels_without_data_are_the_mean() -> None:
    card = card_of(
        PixelRange(range=(0, 10)), ImageType("float32", 2), input={"mean": [0.2, 0.7], "std": [1, 1]}
    )
    image = np.array([[[np.nan, 5.0], [5.0, np.nan]]], np.float32)
    np.testing.assert_allclose(PixelScaling(card).scale(image), [[[0.2, 0.5], [0.5, 0.7]]])


def test_rgb_of_8_bits_is_passed_on() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    assert PixelScaling(input_card_of(RecipeSpec())).scale(image) is image


@pytest.mark.parametrize("channels", [1, 2, 4, 13])
@pytest.mark.parametrize("encoder", ["tu-resnet18", "tu-repvgg_a0", "mit_b0"])
def test_networks_take_so_many_channels(encoder: str, channels: int) -> None:
    network = build_network("fpn", encoder, 3, channels=channels).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, channels, 64, 64)).shape == (1, 3, 64, 64)


@pytest.mark.parametrize("architecture", ["fcn8s", "segnet", "deeplabv1", "lraspp_mobilenet_v3_large"])
def test_networks_with_encoders_of_their_own_do_too(architecture: str) -> None:
    spec = RecipeSpec.model_validate({"architecture": architecture})
    network = build_network(architecture, spec.encoder, 3, channels=2).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 2, 64, 64)).shape == (1, 3, 64, 64)


@pytest.mark.parametrize("channels", [1, 4, 13])
def test_pretrained_weights_are_adapted_as_timm_does(channels: int, tmp_path: Path) -> None:
    pretrained = timm.create_model("resnet18", pretrained=False)
    save_file(pretrained.state_dict(), tmp_path / "resnet18.safetensors")
    network = build_network("fpn", "tu-resnet18", 3, str(tmp_path / "resnet18.safetensors"), channels)
    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
    weight = pretrained.state_dict()["conv1.weight"]
    if channels == 1:
        expected = weight.sum(1, keepdim=True)
    else:
        expected = weight[:, [band % 3 for band in range(channels)]] * 3 / channels
    torch.testing.assert_close(first.weight.detach(), expected)


def test_weights_of_as_many_bands_are_loaded_as_they_are(tmp_path: Path) -> None:
    pretrained = timm.create_model("resnet18", pretrained=False, in_chans=13)
    save_file(pretrained.state_dict(), tmp_path / "resnet18.safetensors")
    network = build_network("fpn", "tu-resnet18", 3, str(tmp_path / "resnet18.safetensors"), 13)
    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
    torch.testing.assert_close(first.weight.detach(), pretrained.state_dict()["conv1.weight"])


def test_an_encoder_without_a_convolution_of_the_image_is_refused() -> None:
    network = nn.Module()
    network.encoder = nn.Linear(3, 4)
    with pytest.raises(SpecError, match="takes images of 3 channels only, got 5"):
        set_input_channels(network, 5, keep_weights=False)


def test_means_of_pretraining_follow_the_weights() -> None:
    assert adapt_values((0.1, 0.2, 0.3), 5) == (0.1, 0.2, 0.3, 0.1, 0.2)
    assert adapt_values((0.1, 0.2, 0.3), 1)[0] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("input_", "problem"),
    [
        ({"bands": [6]}, "images have 5 bands, and 'bands' names band 6"),
        ({"mean": [0.1], "std": [1]}, "'mean' and 'std' have 1 values, and 5 bands are seen"),
    ],
)
def test_a_recipe_that_does_not_suit_the_images_is_refused(input_: object, problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        card_of(PixelRange(range=(0, 1)), input=input_)


def test_a_recipe_says_its_own_bands_and_values() -> None:
    own = {"bands": [5, 1], "window": {"level": 10, "width": 4}}
    card = card_of(PixelRange(bands=(1, 2), range=(0, 1)), input=own)
    assert card.pixel_range is not None
    assert (card.pixel_range.bands, card.pixel_range.ends, card.channels) == ((5, 1), (8, 12), 2)
    with pytest.raises(SpecError, match="'window' cannot replace the dataset's 'percentile'"):
        card_of(PixelRange(percentile=(1, 99)), input=own)
    with pytest.raises(SpecError, match="'bands' is for images that are read with all their bands"):
        input_card_of(RecipeSpec.model_validate({"input": own}))


@pytest.mark.parametrize("name", ["light", "notes", "heavy"])
@pytest.mark.parametrize("channels", [1, 5])
def test_presets_augment_bands_without_colour(name: str, channels: int) -> None:
    recipe = RecipeSpec.model_validate({"augmentation": name, "crop": 32, "train_views": "d4"})
    check_augmentation(recipe, card_of(PixelRange(range=(0, 1)), ImageType("uint16", channels)))
    augment = Augment(recipe, has_colour=False)
    image = np.random.default_rng(0).random((40, 50, channels), np.float32)
    labels = np.zeros((40, 50), np.uint8)
    for seed in range(12):
        crop, labels_hw, applied = augment.with_transform_names(image, labels, seed)
        assert (crop.shape, crop.dtype.name) == ((32, 32, channels), "float32")
        assert labels_hw.shape == (32, 32)
        assert 0 <= crop.min() <= crop.max() <= 1
        assert not {"HueSaturationValue", "ToGray", "CLAHE", "ISONoise"} & set(applied)


def test_a_transform_that_needs_rgb_is_refused_by_name() -> None:
    recipe = RecipeSpec.model_validate({"augmentation": ["CLAHE"], "crop": 32})
    with pytest.raises(SpecError, match="CLAHE"):
        check_augmentation(recipe, card_of(PixelRange(range=(0, 1))))
