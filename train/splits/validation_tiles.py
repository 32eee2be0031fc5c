"""Validation images in tiles, so that a validation step takes no more memory than a training step."""

from seg.data import Sample, Split
from seg.data.images.read_sample import size_if_by_region, size_of_sample
from seg.data.regions.region import Size
from seg.data.regions.region_split import split_in_regions
from seg.spec.ensemble.prediction import TileSpec
from seg.spec.recipe.recipe import RecipeSpec


def in_validation_tiles(val: Split, tile: TileSpec | None, recipe: RecipeSpec) -> Split:
    """The split in tiles side by side: images that are larger than the ensemble's, and all large ones.

    Without tiles in the spec, large images are cut by the crop. Unlike in prediction, tiles do not overlap.
    """
    side_hw = tile.size if tile else recipe.crop
    return split_in_regions(val, [_size_to_cut(sample, tile) for sample in val.samples], side_hw)


def _size_to_cut(sample: Sample, tile: TileSpec | None) -> Size | None:
    if sample.region is not None:
        return sample.region.size_hw
    if tile is None:
        return size_if_by_region(sample)
    size_hw = size_of_sample(sample)
    return size_hw if any(side > most for side, most in zip(size_hw, tile.size, strict=True)) else None
