"""How images reach a member's network: padding or resizing, bands, their values, and normalisation."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import reduce
from typing import Final

from seg.data import open_split
from seg.data.images.read_sample import type_of_sample
from seg.data.splits.split import Sample
from seg.errors import DataError, SpecError
from seg.image_type import RGB8, ImageType, common_image_type
from seg.models.card import InputCard
from seg.pixel_range import PixelRange
from seg.spec.dataset.dataset import DatasetSpec
from seg.spec.recipe.recipe import RecipeSpec
from seg.train.networks import STRIDE, encoder_preprocessing
from seg.train.networks.input_channels import adapt_values

_THREADS: Final = 4


def input_card_of(
    recipe: RecipeSpec, pixel_range: PixelRange | None = None, image_type: ImageType = RGB8
) -> InputCard:
    """The preprocessing of a recipe, for the images of a dataset.

    Args:
        recipe: its `input` may name other bands and values than the dataset.
        pixel_range: the dataset's; None if images are RGB of 8 bits.
        image_type: the pixels and bands of all its images.

    Raises:
        SpecError: the recipe's bands, values or means do not suit the images.
    """
    try:
        seen = recipe.input.seen_of(pixel_range)
        channels = image_type.bands if seen is None else seen.seen_of(image_type.bands)
    except ValueError as error:
        raise SpecError(f"input: {error}") from error
    mean, std = (
        adapt_values(rgb, channels) for rgb in encoder_preprocessing(recipe.encoder, recipe.encoder_weights)
    )
    if recipe.input.mean is not None and recipe.input.std is not None:
        mean, std = recipe.input.mean, recipe.input.std
        if len(mean) != channels:
            raise SpecError(f"input: 'mean' and 'std' have {len(mean)} values, and {channels} bands are seen")
    return InputCard(
        mode=recipe.input.mode,
        stride=STRIDE,
        size_hw=recipe.input.size,
        mean=mean,
        std=std,
        pixels=image_type.pixels,
        bands=image_type.bands,
        pixel_range=seen,
    )


def input_card_without_images(recipe: RecipeSpec, data: DatasetSpec) -> InputCard:
    """The preprocessing of a recipe for a dataset whose images need not be here; raises as `input_card_for`.

    Without them, images have the bands that are named, or three.
    """
    if data.pixel_range is None:
        return input_card_of(recipe)
    with suppress(DataError):
        return input_card_for(recipe, open_split(data, "train").samples)
    named = recipe.input.bands or data.pixel_range.bands or (RGB8.bands,)
    return input_card_of(recipe, data.pixel_range, ImageType("uint16", max(named)))


def input_card_for(recipe: RecipeSpec, samples: Sequence[Sample]) -> InputCard:
    """The preprocessing of a recipe for these images, whose headers are read if they are not RGB of 8 bits.

    Raises:
        SpecError: as `input_card_of`, or the images have different bands and none are named.
        DataError: the header of an image cannot be read.
    """
    pixel_range = next((sample.pixel_range for sample in samples), None)
    if pixel_range is None:
        return input_card_of(recipe)
    with ThreadPoolExecutor(_THREADS) as threads:
        types = set(threads.map(type_of_sample, samples))
    counts = {one.bands for one in types}
    if len(counts) > 1 and (recipe.input.bands or pixel_range.bands) is None:
        raise SpecError(
            f"data: images have {min(counts)} to {max(counts)} bands: name those to see, such as"
            " 'bands: [1, 2, 3]'"
        )
    return input_card_of(recipe, pixel_range, reduce(common_image_type, types))
