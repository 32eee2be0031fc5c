"""The search of thresholds, areas and emptiness, beside brute force with the engine's own decisions."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage, optimize

from seg.engine.decision.postprocess import above_thresholds, postprocess_masks
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import CachedPasses
from seg.evaluate.tune.cost.member_study import study_members
from seg.evaluate.tune.evidence.by_group import gain_error_across_groups
from seg.evaluate.tune.fits.weights import HALVED_BY, weights_by_score
from seg.evaluate.tune.overlapping.fit_rules import rule_fits_in_order
from seg.evaluate.tune.overlapping.region_table import SURE, THRESHOLDS, RegionTable, count_regions
from seg.evaluate.tune.overlapping.sampled_members import SampledMembers, SampledPasses
from seg.evaluate.tune.overlapping.temperatures import cross_entropy_of_sigmoids, fit_sigmoid_temperatures
from seg.evaluate.tune.overlapping.threshold_curves import THRESHOLDS as FINE
from seg.evaluate.tune.overlapping.threshold_curves import count_at_thresholds
from seg.evaluate.tune.overlapping.whole_counts import best_threshold, count_mixtures
from seg.labels.classes import ClassInfo
from seg.labels.probability_codec import probabilities_to_levels
from seg.labels.task import LabelMap, pack_masks
from seg.metrics.from_counts import CountedMetric, Tallies, class_score_from_counts, open_counted_metric
from seg.metrics.image_tallies import ImageTallies
from seg.metrics.open_metric import open_metric
from seg.spec.ensemble.decision import ClassRule
from seg.spec.ensemble.metric import MetricSpec

ONE = (ClassInfo(name="scratch", id=1, colour=(0, 0, 0)),)
METRICS = ("dice", "iou", "miou", "dataset-dice", "iou@[0.5:0.9:0.1]")


def drawn(seed: int, images: int = 8, size: tuple[int, int] = (16, 24)) -> list[tuple[Any, Any]]:
    """Probabilities `[1, H, W]` of blobs, and their masks, of which half are empty; with false alarms."""
    random = np.random.default_rng(seed)
    pairs = []
    for image in range(images):
        field = ndimage.gaussian_filter(random.normal(size=size), 2.0)
        truth = (field > 0.12) & (image % 2 == 0)
        noise = ndimage.gaussian_filter(random.normal(size=size), 1.0)
        probabilities = 1 / (1 + np.exp(-(3.0 * truth - 2 + 4 * noise)))
        pairs.append((probabilities[None].astype(np.float32), truth[None]))
    return pairs


def scored(metric: str, rule: ClassRule, pairs: list[tuple[Any, Any]]) -> float:
    """The score of a rule, by the engine's decision and the metric itself."""
    opened = open_metric(MetricSpec(name=metric), ONE, "binary")
    tallies = []
    for probabilities, truth in pairs:
        masks = postprocess_masks(above_thresholds(probabilities, [rule]), probabilities, [rule])
        tallies.append(opened.tally(pack_masks(truth), pack_masks(masks)))
    return opened.score(np.stack(tallies))


def table_of(pairs: list[tuple[Any, Any]]) -> RegionTable:
    images = ((probabilities, truth, np.ones(truth.shape[1:], np.bool_)) for probabilities, truth in pairs)
    (table,) = count_regions(images, 1, pairs[0][0][0].size)
    return table


def tallies_of(metric: str) -> Tallies:
    return open_counted_metric(MetricSpec(name=metric), ONE, "binary").tallies


@given(st.integers(0, 10_000), st.sampled_from(METRICS))
@settings(max_examples=30, deadline=None)
def test_one_sort_has_the_score_of_every_threshold(seed: int, metric: str) -> None:
    pairs = drawn(seed, images=4)
    flat = np.stack([probabilities.ravel() for probabilities, _ in pairs])
    # Probabilities that lie on thresholds are not above them.
    flat[:, ::7] = FINE[np.arange(flat[:, ::7].shape[1]) % len(FINE)]
    truth = np.stack([masks.ravel() for _, masks in pairs])
    found = class_score_from_counts(tallies_of(metric), count_at_thresholds(flat, truth))
    opened = open_metric(MetricSpec(name=metric), ONE, "binary")
    for position in range(0, len(FINE), 14):
        tallies = [
            opened.tally(pack_masks(t[None, None]), pack_masks((p > FINE[position])[None, None]))
            for p, t in zip(flat, truth, strict=True)
        ]
        assert found[position] == pytest.approx(opened.score(np.stack(tallies)), nan_ok=True)


@pytest.mark.parametrize("metric", METRICS)
def test_the_fitted_rules_score_as_the_engine_decides_and_none_is_better(metric: str) -> None:
    pairs = drawn(3)
    table = table_of(pairs)
    fits = rule_fits_in_order(tallies_of(metric))
    threshold, area, emptiness = (scored(metric, fit(table), pairs) for fit in fits.values())
    by_threshold = [scored(metric, ClassRule(threshold=t), pairs) for t in THRESHOLDS]
    assert threshold == pytest.approx(max(by_threshold))
    by_area = [scored(metric, table.rule(t, a), pairs) for t in range(len(THRESHOLDS)) for a in range(9)]
    assert area >= max(by_area) - 1e-12
    random = np.random.default_rng(0)
    tried = [
        table.rule(
            int(random.integers(len(THRESHOLDS))),
            int(random.integers(len(table.areas))),
            (int(random.integers(len(SURE))), int(random.integers(1, len(table.areas)))),
        )
        for _ in range(150)
    ]
    assert emptiness >= max(area, *(scored(metric, rule, pairs) for rule in tried)) - 1e-12


def test_the_best_threshold_of_all_pixels_is_that_of_a_loop() -> None:
    pairs = drawn(5, images=4)

    class Stored:
        """Passes of one member, whose merged probabilities are known."""

        classes, images = 1, len(pairs)

        def labels(self, image: int) -> LabelMap:
            return pack_masks(pairs[image][1])

        def cached_image(self, image: int) -> SimpleNamespace:
            return SimpleNamespace(merged=lambda _: pairs[image][0])

    mixture = Mixture.single(0, [("identity",)])
    ((counts,),) = count_mixtures(cast(CachedPasses, Stored()), [mixture])
    scores = [scored("dice", ClassRule(threshold=threshold), pairs) for threshold in THRESHOLDS]
    assert best_threshold(counts, tallies_of("dice")) == THRESHOLDS[int(np.argmax(scores))]
    some = np.array([True, False, True, False])
    scores = [scored("dice", ClassRule(threshold=threshold), pairs[::2]) for threshold in THRESHOLDS]
    assert best_threshold(counts.of_images(some), tallies_of("dice")) == THRESHOLDS[int(np.argmax(scores))]


def test_emptiness_finds_what_tells_empty_images() -> None:
    """False alarms are as large as objects, but nowhere sure."""
    truth = np.zeros((1, 20, 20), np.bool_)
    truth[0, 4:10, 4:10] = True
    sure = np.where(truth, 0.95, 0.1).astype(np.float32)
    alarm = np.where(truth, 0.7, 0.1).astype(np.float32)
    pairs = [(sure, truth), (alarm, np.zeros_like(truth))] * 3
    fits = rule_fits_in_order(tallies_of("dice"))
    assert scored("dice", fits["emptiness"](table_of(pairs)), pairs) == 1


def test_pixels_without_a_label_are_in_regions_but_are_not_counted() -> None:
    probabilities = np.full((1, 4, 6), 0.8, np.float32)
    truth, labelled = np.zeros((1, 4, 6), np.bool_), np.ones((4, 6), np.bool_)
    truth[0, :, :2] = True
    labelled[:, 2:5] = False
    (table,) = count_regions([(probabilities, truth, labelled)], 1, 24)
    low, high = THRESHOLDS.index(0.5), THRESHOLDS.index(0.8)
    assert table.predicted_tai[low, 0].tolist() == [4 * 3]
    assert table.both_tai[low, 0].tolist() == [8]
    assert table.predicted_tai[high, 0].tolist() == [0]
    assert table.largest_si[SURE.index(0.8)].tolist() == [24]


def test_a_class_that_is_nowhere_keeps_its_default() -> None:
    empty = [(np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4), np.bool_))] * 2
    for fit in rule_fits_in_order(tallies_of("miou")).values():
        assert fit(table_of(empty)) == ClassRule()


def test_a_weight_is_halved_for_every_two_points_at_the_best_thresholds() -> None:
    random = np.random.default_rng(0)
    truth_cin: NDArray[np.bool_] = random.random((2, 6, 200)) < 0.2
    noise = random.normal(0, [[[[0.28]]], [[[0.3]]], [[[2.0]]]], (3, *truth_cin.shape))
    members = sampled_members(np.clip(truth_cin * 0.5 + 0.25 + noise, 0, 1), truth_cin)

    def best_dice(found_cin: NDArray[np.float32], truth_cin: NDArray[np.bool_]) -> float:
        """The mean over classes of the best mean Dice of images, by a loop over thresholds."""
        return float(
            np.mean([max(dice(p > t, q) for t in FINE) for p, q in zip(found_cin, truth_cin, strict=True)])
        )

    def dice(found_in: NDArray[np.bool_], truth_in: NDArray[np.bool_]) -> float:
        return float((2 * (found_in & truth_in).sum(1) / (found_in.sum(1) + truth_in.sum(1))).mean())

    scores_m = np.array([best_dice(p.astype(np.float32), truth_cin) for p in members.probabilities_mcin])
    weights_m = 2 ** ((scores_m - scores_m.max()) / HALVED_BY)
    assert 0.01 < weights_m[1] < 1 and weights_m[2] < 0.01
    weights_m[2] = 0
    found_m = weights_by_score(members, np.arange(6))
    np.testing.assert_allclose(found_m, weights_m / weights_m.sum(), rtol=1e-6)


def test_a_specialist_has_no_say_in_classes_that_it_does_not_know() -> None:
    probabilities = np.full((2, 2, 1, 3), 0.25)
    probabilities[1] = 0.75
    members = sampled_members(probabilities, np.zeros((2, 1, 3), np.bool_), known=[[1, 1], [1, 0]])
    weights_m = np.array([0.5, 0.5])
    assert members.merged(weights_m, 0).tolist() == [[0.5] * 3]
    assert members.merged(weights_m, 1).tolist() == [[0.25] * 3]


def test_a_temperature_is_that_of_the_least_cross_entropy() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(-1, 2, (2, 20, 400))
    truth_cin = random.random(logits.shape) < 1 / (1 + np.exp(-logits))
    passes = sampled_passes([1 / (1 + np.exp(-2.0 * logits)), 1 / (1 + np.exp(-0.7 * logits))], truth_cin)
    found = fit_sigmoid_temperatures(passes, passes.views)
    assert found == pytest.approx((2.0, 0.7), rel=0.05)
    thin = passes.subsampled(4)
    for member, temperature in enumerate(found):
        p = thin.mean(member, ("identity",)).astype(np.float64).clip(1e-6, 1 - 1e-6)

        def cost(one: float, p: NDArray[np.float64] = p) -> float:
            scaled = 1 / (1 + np.exp(-np.log(p / (1 - p)) / one))
            return cross_entropy_of_sigmoids(scaled.astype(np.float32), thin.truth_cin)

        best = optimize.minimize_scalar(cost, bounds=(0.25, 4), method="bounded").x
        assert temperature == pytest.approx(best, rel=0.02)


def test_what_members_are_worth_and_where_they_differ() -> None:
    random = np.random.default_rng(1)
    truth_cin = random.random((2, 8, 100)) < 0.3
    answers = [
        np.clip(truth_cin * 0.5 + 0.25 + random.normal(0, s, truth_cin.shape), 0, 1) for s in (0.2, 0.4)
    ]
    passes = sampled_passes(answers, truth_cin)
    mixture = Mixture.of((0.7, 0.3), passes.views)
    rules = [ClassRule(threshold=0.4), ClassRule(threshold=0.6)]
    study = study_members(passes.to_study(rules), mixture, (10.0, 4.0))
    assert sum(value.shapley for value in study.values) == pytest.approx(passes.score(mixture))
    assert study.values[0].alone == passes.score(Mixture.single(0, passes.views))
    above = [passes.mean(m, ("identity",)) > np.array([0.4, 0.6])[:, None, None] for m in range(2)]
    assert study.disagreement[0, 1] == (above[0] != above[1]).any(0).mean()
    assert study.front[-1].score == max(one.score for one in study.sub_ensembles)


def sampled_members(
    probabilities_mcin: NDArray[np.float64], truth_cin: NDArray[np.bool_], known: Any = None
) -> SampledMembers:
    known_mc = np.array(np.ones(probabilities_mcin.shape[:2]) if known is None else known, np.float32)
    return SampledMembers(probabilities_mcin.astype(np.float16), truth_cin, known_mc, counted_dice())


def sampled_passes(answers: list[NDArray[np.float64]], truth_cin: NDArray[np.bool_]) -> SampledPasses:
    """Members in one view each."""
    return SampledPasses(
        names=tuple("ab"),
        views=(("identity",),) * len(answers),
        levels={
            (m, "identity"): probabilities_to_levels(p.astype(np.float32)) for m, p in enumerate(answers)
        },
        truth_cin=truth_cin,
        metric=counted_dice(),
        coverage=(),
        thresholds_c=np.full(len(truth_cin), 0.5, np.float32),
    )


def counted_dice() -> CountedMetric:
    """Of two classes."""
    infos = [ClassInfo(name=name, id=n, colour=(0, 0, 0)) for n, name in enumerate(("scratch", "rust"))]
    return open_counted_metric(MetricSpec(name="dice"), infos, "multilabel")


def test_the_error_of_a_gain_is_infinite_with_one_group_and_0_where_all_gain_alike() -> None:
    metric = open_metric(MetricSpec(name="dice"), ONE, "binary")
    first, second = (
        ImageTallies(metric, np.stack([np.full((6, 1), value), np.ones((6, 1))], axis=2))
        for value in (0.75, 0.5)
    )
    assert first.score - second.score == 0.25
    assert gain_error_across_groups(first, second, np.arange(6)) == 0
    assert gain_error_across_groups(first, second, np.zeros(6, np.intp)) == float("inf")
