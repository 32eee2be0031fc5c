"""Departures from equal weights, on members of known noise and bias, and groups that differ on purpose."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.metrics.groups import number_groups
from seg.evaluate.tune.evidence.by_group import Criterion, score_by_criterion
from seg.evaluate.tune.evidence.candidates import list_mixture_candidates
from seg.evaluate.tune.evidence.choose_departure import choose_departure
from seg.evaluate.tune.fits.departures import Departure, Departures, prior_factors
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.fits.weights import weight_on_best_member, weights_by_score
from seg.evaluate.tune.scorer import PixelScorer
from tests.evaluate.conftest import CLASSES, MakeScorer

EVEN = np.full(CLASSES, 1 / CLASSES)
CRITERIA: tuple[Criterion, ...] = ("mean", "worst-group")
EACH_ALONE = [str(image) for image in range(24)]


def pixels_of(scorer: PixelScorer) -> MemberPixels:
    return MemberPixels.of(scorer, scorer.views)


def bent(pixels: MemberPixels, factors_ic: NDArray[np.float64]) -> MemberPixels:
    """The same members with probabilities of classes multiplied, image by image."""
    probabilities = pixels.probabilities_mcin * factors_ic.T[None, :, :, None]
    shares = (probabilities / probabilities.sum(1, keepdims=True)).astype(np.float32)
    return replace(pixels, probabilities_mcin=shares)


def test_counts_are_those_of_the_scorer(make_scorer: MakeScorer) -> None:
    scorer = make_scorer([1.5, 2.5], views=("identity", "hflip"))
    mixture = replace(Mixture.of((1, 3), scorer.views), factors=(1.0, 2.0, 0.5, 1.0))
    counts_icc = pixels_of(scorer).counts(np.array(mixture.weights), np.array(mixture.factors))
    np.testing.assert_array_equal(counts_icc, scorer.counts(mixture))


def test_two_points_behind_the_best_halve_a_weight(make_scorer: MakeScorer) -> None:
    scorer = make_scorer([1.5, 1.6, 1.7])
    mious = np.array([scorer.score(Mixture.single(member, scorer.views)) for member in range(3)])
    weights_m = weights_by_score(pixels_of(scorer), np.arange(len(scorer.labels_in)))
    assert weights_m.sum() == pytest.approx(1)
    np.testing.assert_allclose(np.log2(weights_m / weights_m[0]), (mious - mious[0]) / 0.02, rtol=1e-5)


def test_a_member_far_behind_is_not_run(make_scorer: MakeScorer) -> None:
    scorer = make_scorer([1.5, 12.0])
    weights_m = weights_by_score(pixels_of(scorer), np.arange(len(scorer.labels_in)))
    assert weights_m.tolist() == [1, 0]


def test_nothing_is_judged_on_the_group_that_it_was_fitted_on(make_scorer: MakeScorer) -> None:
    """A member knows the labels of one group by heart: only judgements on that group may show it."""
    noisy = pixels_of(make_scorer([3.0, 3.0], images=12))
    perfect_in = np.moveaxis(np.eye(CLASSES, dtype=np.float32)[noisy.labels_in], -1, 0)
    probabilities = noisy.probabilities_mcin.copy()
    probabilities[0][:, :6], probabilities[1][:, 6:] = perfect_in[:, :6], perfect_in[:, 6:]
    halves = number_groups(["a"] * 6 + ["b"] * 6)
    departures = Departures(replace(noisy, probabilities_mcin=probabilities), halves, EVEN)
    judged = departures.judge(Departure("best member")).score
    assert judged < 0.5
    assert departures.judge(Departure("by score")).score == pytest.approx(judged, abs=0.05)


def test_equal_weights_are_nearly_kept_where_members_are_alike(make_scorer: MakeScorer) -> None:
    pixels = pixels_of(make_scorer([2.0, 2.0, 2.0], images=24))
    group_i = number_groups(EACH_ALONE)
    chosen = choose_departure(Departures(pixels, group_i, EVEN), group_i)
    weights = Departures(pixels, group_i, EVEN).fit(chosen).weights_m
    assert np.abs(weights - 1 / 3).max() < 0.2
    assert chosen == Departure("by score")


def test_it_is_as_good_as_the_best_member_where_that_is_better_than_all_together(
    make_scorer: MakeScorer,
) -> None:
    pixels = pixels_of(make_scorer([1.0, 12.0, 12.0, 12.0], images=24))
    group_i = number_groups(EACH_ALONE)
    departures = Departures(pixels, group_i, EVEN)
    chosen = choose_departure(departures, group_i)
    best, reached = (departures.judge(one).score for one in (Departure("best member"), chosen))
    assert reached >= best - 0.01


def test_a_bias_of_all_groups_is_mended_and_one_of_each_is_not(make_scorer: MakeScorer) -> None:
    pixels = pixels_of(make_scorer([1.0, 1.0], images=24))
    group_i = number_groups([str(image // 3) for image in range(24)])
    same_ic = np.ones((24, CLASSES))
    same_ic[:, 2] = 1 / 8
    departures = Departures(bent(pixels, same_ic), group_i, EVEN)
    chosen = choose_departure(departures, group_i)
    assert chosen.factors >= 0.5
    assert departures.fit(chosen).factors_c[2] > 2
    mended, equal = (
        score_by_criterion(departures.judge(one), group_i, "mean") for one in (chosen, Departure())
    )
    assert mended > equal + 0.05

    random = np.random.default_rng(0)
    other_ic = 8.0 ** random.choice([-1, 1], (8, CLASSES))[group_i]
    departures = Departures(bent(pixels, other_ic), group_i, EVEN)
    factors = departures.fit(choose_departure(departures, group_i)).factors_c
    assert np.abs(np.log(factors)).max() < np.log(2)


def test_the_exponent_undoes_a_power_of_the_prior(make_scorer: MakeScorer) -> None:
    prior = np.array([0.7, 0.2, 0.07, 0.03])
    pixels = bent(pixels_of(make_scorer([1.0, 1.0], images=24)), np.tile(prior**0.3, (24, 1)))
    group_i = number_groups(EACH_ALONE)
    departures = Departures(pixels, group_i, prior)
    chosen = choose_departure(departures, group_i)
    assert chosen.exponent >= 0.1
    # What the exponent leaves is mended by the factors.
    np.testing.assert_allclose(departures.fit(chosen).factors_c, prior_factors(prior, 0.3), rtol=0.35)
    np.testing.assert_allclose(prior_factors(prior, 0.3) * prior**0.3, np.prod(prior**0.3) ** 0.25)


@pytest.mark.parametrize(("groups", "least_allowed"), [(1, False), (4, False), (8, True)])
def test_few_groups_allow_little(make_scorer: MakeScorer, groups: int, least_allowed: bool) -> None:
    bias_ic = np.ones((24, CLASSES))
    bias_ic[:, 2] = 1 / 8
    scorer = make_scorer([1.0, 6.0], images=24)
    pixels = bent(pixels_of(scorer), bias_ic)
    group_i = np.arange(24) % groups
    departures = Departures(pixels, group_i, EVEN)
    chosen = choose_departure(departures, group_i)
    assert (chosen.factors > 0) == least_allowed
    candidates = list_mixture_candidates(
        scorer.views, scorer.views, departures, chosen, departures.judge(Departure()), group_i, "mean"
    )
    assert [one.name for one in candidates[:2]] == ["best member", "equal weights"]
    assert (candidates[0].left_out is None) == (groups == 1)
    assert candidates[-1].mixture.weights[0] > 0.5


def test_the_worst_group_can_be_asked_for(make_scorer: MakeScorer) -> None:
    """One member is better on most groups, the other on the hardest."""
    easy, hard = pixels_of(make_scorer([0.8, 2.0], images=18)), pixels_of(make_scorer([12.0, 3.0], images=6))
    pixels = replace(
        easy,
        probabilities_mcin=np.concatenate([easy.probabilities_mcin, hard.probabilities_mcin], axis=2),
        labels_in=np.concatenate([easy.labels_in, hard.labels_in]),
    )
    group_i = np.arange(24) // 3
    mean, worst = (Departures(pixels, group_i, EVEN, criterion) for criterion in CRITERIA)
    reached = [
        score_by_criterion(one.judge(choose_departure(one, group_i)), group_i, "worst-group")
        for one in (mean, worst)
    ]
    assert reached[1] > reached[0]


def test_a_member_that_knows_some_classes_counts_for_those(make_scorer: MakeScorer) -> None:
    scorer = replace(make_scorer([2.0, 0.5]), coverage=((), (1.0, 1.0, 0.0, 0.0)))
    mixture = Mixture.of((1, 3), scorer.views)
    pixels = pixels_of(scorer)
    np.testing.assert_allclose(pixels.merged(np.array(mixture.weights)), scorer.merged(mixture), atol=1e-4)
    assert weight_on_best_member(pixels).tolist() == [1, 0]


@pytest.mark.parametrize(("noise", "gains"), [(0.5, True), (12.0, False)])
def test_a_member_that_knows_some_classes_loses_weight_if_it_lowers_the_score(
    make_scorer: MakeScorer, noise: float, gains: bool
) -> None:
    scorer = replace(make_scorer([2.0, noise]), coverage=((), (1.0, 1.0, 0.0, 0.0)))
    both, alone = (
        scorer.score(Mixture.of((1, 1), scorer.views)),
        scorer.score(Mixture.single(0, scorer.views)),
    )
    assert (both > alone) == gains
    weights_m = weights_by_score(pixels_of(scorer), np.arange(len(scorer.labels_in)))
    assert (weights_m[1] == weights_m[0]) == gains
    assert weights_m[1] <= weights_m[0]
