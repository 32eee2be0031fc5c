"""Tuning of ensembles in which a member knows some classes only."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seg.data import open_split
from seg.engine import Ensemble
from seg.evaluate.cache.passes import open_cached_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.report.predictors import predictors_of
from seg.evaluate.tune import tune_mixture
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.fits.weights import equal_weights, weight_on_best_member, weights_by_score
from seg.evaluate.tune.write_spec import write_mixture
from seg.spec import EnsembleSpec, load_ensemble
from tests.engine.tiny_models import MakeModel
from tests.evaluate.conftest import MakeScorer, write_labelled_project


def with_specialist(spec: EnsembleSpec) -> EnsembleSpec:
    """Member b knows paper and glass alone."""
    members = tuple(
        member.model_copy(update={"covers": ("paper", "glass")}) if member.name == "b" else member
        for member in spec.members
    )
    return spec.model_copy(update={"members": members})


def test_cached_passes_are_merged_as_the_engine_does(tmp_path: Path, make_model: MakeModel) -> None:
    spec = with_specialist(load_ensemble(write_labelled_project(tmp_path, make_model)))
    split = open_split(spec.data, "val")
    passes = open_cached_passes(spec, split, ProbabilityCache(tmp_path / "cache"))
    whole = predictors_of(spec, passes).ensemble.viewed
    engine = Ensemble.load(spec)
    for index, sample in enumerate(split.samples):
        expected = engine.predict(sample.image).probabilities
        np.testing.assert_allclose(passes.cached_image(index).merged(whole), expected, atol=0.02)


@pytest.mark.parametrize("covered", [(0,), (1, 2)])
def test_weights_keep_a_member_that_knows_all(make_scorer: MakeScorer, covered: tuple[int, ...]) -> None:
    """The specialist is by far the best of them, and no ensemble alone."""
    coverage = tuple(float(label in covered) for label in range(4))
    scorer = replace(make_scorer([2.5, 0.1]), coverage=((), coverage))
    pixels = MemberPixels.of(scorer, scorer.views)
    alone = weight_on_best_member(pixels)
    assert alone.tolist() == [1, 0]
    weights_m = weights_by_score(pixels, np.arange(len(pixels.labels_in)))
    assert weights_m[0] > 0
    assert pixels.judge(weights_m).score >= pixels.judge(alone).score
    assert pixels.judge(equal_weights(2)).score > pixels.judge(alone).score


def test_a_tuned_spec_can_be_loaded(tmp_path: Path, make_model: MakeModel) -> None:
    path = write_labelled_project(tmp_path, make_model)
    path.write_text(path.read_text().replace('"name": "b",', '"name": "b", "covers": ["paper"],'))
    spec = load_ensemble(path)
    tuned = tune_mixture(spec, ProbabilityCache(tmp_path / "cache"))
    write_mixture(path, spec, tuned.chosen, tuned.passes.split.classes)
    assert any(member.weight and not member.covers for member in load_ensemble(path).members)
