"""Cached passes merged as the engine merges them, at the decoders' grids and of pixels at image size."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg.data import open_split
from seg.data.images.images import write_mask
from seg.engine import Ensemble
from seg.engine.merging.decoder_grid import run_to_decoder_grid
from seg.engine.passes.tiles import lay_out_tiles
from seg.engine.passes.views import VIEWS
from seg.evaluate.cache.merge import FullSizeCachedImage, LowResolutionCachedImage
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import open_cached_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.labels.probability_codec import probabilities_to_levels
from seg.spec import EnsembleSpec
from tests.engine.decoder_models import decoder_spec, photo
from tests.engine.tiny_models import CLASSES

ROUNDED = 0.01
"""What one byte a probability rounds off, with a temperature; see `seg.labels.probability_codec`."""

CASES: dict[str, dict[str, Any]] = {
    "views": {"views": ["identity", "rot90", "hflip"]},
    "scales": {"views": ["identity", "scale0.5", "hflip-scale1.25"]},
    "tiles": {"tile": {"size": "32x32", "overlap": 0.5}},
    "specialists": {
        "members": [
            {"name": "m1", "model": "m1.onnx", "temperature": 1.5},
            {"name": "m2", "model": "m2.onnx", "covers": [CLASSES[1].name], "weight": 2},
        ]
    },
}


def labelled(folder: Path, **options: Any) -> EnsembleSpec:
    """The spec with masks for its images."""
    for number in range(3):
        write_mask(folder / f"masks/{number}.png", np.full((40, 56), number, dtype=np.uint8))
    data = {
        "train": {"images": "images", "masks": "masks"},
        "val": {"images": "images", "masks": "masks"},
        "classes": [one.name for one in CLASSES],
    }
    return decoder_spec(folder, **{"data": data} | options)


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_cached_passes_are_merged_as_the_engine_merges_them(options: dict[str, Any], tmp_path: Path) -> None:
    spec = labelled(tmp_path, **options)
    passes = open_cached_passes(spec, open_split(spec.data, "val"), ProbabilityCache(tmp_path / "cache"))
    weights = tuple(member.weight for member in spec.running)
    temperatures = tuple(member.temperature for member in spec.running)
    mixture = replace(Mixture.of(weights, passes.views), temperatures=temperatures)
    cached, engine = passes.cached_image(1), Ensemble.load(spec)
    expected = engine.predict(passes.split.samples[1].image).probabilities
    np.testing.assert_allclose(cached.merged(mixture), expected, atol=ROUNDED)
    if "tile" not in options and temperatures == (1,) * len(weights):
        sampled = FullSizeCachedImage(cached.levels, passes.coverage).merged(mixture)
        np.testing.assert_allclose(sampled, expected, atol=ROUNDED)


def test_classes_that_overlap_have_levels_of_their_own(tmp_path: Path) -> None:
    spec = decoder_spec(tmp_path, "multilabel", views="hflip")
    engine, image_hwc = Ensemble.load(spec), photo(40, 56)
    levels = {
        (position, view): probabilities_to_levels(
            run_to_decoder_grid(member.runtime, member.decoder, VIEWS[view], image_hwc)
        )
        for position, member in enumerate(engine.members)
        for view in member.views
        if member.decoder
    }
    decoders = [member.decoder for member in engine.members if member.decoder]
    frames = LowResolutionCachedImage(
        lambda member, view: levels[member, view], lay_out_tiles((40, 56), None), decoders, (), "multilabel"
    )
    mixture = Mixture.of([member.weight for member in engine.members], [one.views for one in engine.members])
    found, expected = frames.merged(mixture), engine.predict(image_hwc).probabilities
    np.testing.assert_allclose(found, expected, atol=ROUNDED)
