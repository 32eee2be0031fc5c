"""The search of thresholds, areas and emptiness, beside brute force with the engine's own decisions."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from seg.engine.decision.postprocess import above_thresholds, postprocess_masks
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import Passes
from seg.evaluate.tune.evidence.by_group import error_of_gain
from seg.evaluate.tune.overlapping.fit_rules import steps_of
from seg.evaluate.tune.overlapping.fit_weights import fit_weights
from seg.evaluate.tune.overlapping.region_table import SURE, THRESHOLDS, RegionTable, count_regions
from seg.evaluate.tune.overlapping.sampled_members import SampledMembers
from seg.evaluate.tune.overlapping.threshold_curves import THRESHOLDS as FINE
from seg.evaluate.tune.overlapping.threshold_curves import count_at_thresholds
from seg.evaluate.tune.overlapping.whole_counts import best_threshold, count_mixtures
from seg.labels.classes import ClassInfo
from seg.labels.task import LabelMap, pack_masks
from seg.metrics.from_counts import Tallies, class_score, open_counted
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
    (table,) = count_regions(pairs, 1, pairs[0][0][0].size)
    return table


def tallies_of(metric: str) -> Tallies:
    return open_counted(MetricSpec(name=metric), ONE, "binary").tallies


@given(st.integers(0, 10_000), st.sampled_from(METRICS))
@settings(max_examples=30, deadline=None)
def test_one_sort_has_the_score_of_every_threshold(seed: int, metric: str) -> None:
    pairs = drawn(seed, images=4)
    flat = np.stack([probabilities.ravel() for probabilities, _ in pairs])
    # Probabilities that lie on thresholds are not above them.
    flat[:, ::7] = FINE[np.arange(flat[:, ::7].shape[1]) % len(FINE)]
    truth = np.stack([masks.ravel() for _, masks in pairs])
    found = class_score(tallies_of(metric), count_at_thresholds(flat, truth))
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
    fits = steps_of(tallies_of(metric))
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
    ((counts,),) = count_mixtures(cast(Passes, Stored()), [mixture])
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
    fits = steps_of(tallies_of("dice"))
    assert scored("dice", fits["emptiness"](table_of(pairs)), pairs) == 1


def test_a_class_that_is_nowhere_keeps_its_default() -> None:
    empty = [(np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4), np.bool_))] * 2
    for fit in steps_of(tallies_of("miou")).values():
        assert fit(table_of(empty)) == ClassRule()


def test_weights_go_half_way_to_the_member_that_knows() -> None:
    random = np.random.default_rng(0)
    truth_cin: NDArray[np.bool_] = random.random((2, 6, 200)) < 0.2
    knows = np.where(truth_cin, 0.9, 0.1)
    guesses = random.random((2, 2, 6, 200))
    members = SampledMembers(
        np.stack([guesses[0], knows, guesses[1]]).astype(np.float16), truth_cin, np.ones(2)
    )
    weights_m = fit_weights(members, tallies_of("dice"))
    assert weights_m.sum() == pytest.approx(1)
    assert weights_m.argmax() == 1
    assert weights_m[1] > 1 / 3


def test_the_error_of_a_gain_is_infinite_with_one_group_and_0_where_all_gain_alike() -> None:
    metric = open_metric(MetricSpec(name="dice"), ONE, "binary")
    first, second = (
        ImageTallies(metric, np.stack([np.full((6, 1), value), np.ones((6, 1))], axis=2))
        for value in (0.75, 0.5)
    )
    assert first.score - second.score == 0.25
    assert error_of_gain(first, second, np.arange(6)) == 0
    assert error_of_gain(first, second, np.zeros(6, np.intp)) == float("inf")
