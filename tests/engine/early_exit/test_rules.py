"""Stopping against running everything."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from seg.engine.early_exit.rules import (
    Margins,
    RecordedMargins,
    Rule,
    StoppingMonitor,
    TileMargins,
    WorstCaseRule,
    new_stopping_monitors,
    new_stopping_rule,
)
from seg.engine.early_exit.traces import PassTrace, estimate_risk
from seg.engine.merging.decision import Decision, decide_labels
from seg.spec.ensemble.prediction import DOUBT_LEVELS, CalibrationSpec, StoppingSpec

Passes = NDArray[np.float32]
"""Probabilities of each pass, float32 `[K, C, H, W]`."""


def passes(count: int, classes: int, seed: int, sharpness: float) -> Passes:
    """Passes that agree the more, the sharper they are."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0, sharpness, (1, classes, 6, 5))
    logits = common + rng.normal(0, 1, (count, classes, 6, 5))
    odds = np.exp(logits - logits.max(1, keepdims=True))
    probabilities: Passes = (odds / odds.sum(1, keepdims=True)).astype(np.float32)
    return probabilities


def run(
    samples: Passes, shares: Sequence[ArrayLike], monitor: StoppingMonitor, factors: tuple[float, ...] = ()
) -> tuple[NDArray[np.uint8], int]:
    """Labels and how many passes they took; a share is one for all classes, or one for each."""
    total = np.zeros_like(samples[0])
    missing_c = np.ones(samples.shape[1])
    for number, (answer, share) in enumerate(zip(samples, shares, strict=True), start=1):
        by_class = np.broadcast_to(share, missing_c.shape)
        total += by_class[:, None, None].astype(np.float32) * answer
        missing_c -= by_class
        if number < len(samples) and monitor.observe_checkpoint(total, missing_c):
            return decide_labels(total, factors=factors), number
    return decide_labels(total, factors=factors), len(samples)


@given(
    weights=st.lists(st.floats(0.01, 10), min_size=1, max_size=12),
    classes=st.integers(2, 5),
    seed=st.integers(0, 10_000),
    sharpness=st.floats(0, 30),
    factors=st.one_of(st.just(()), st.tuples(*[st.floats(0.1, 10)] * 5)),
    by_class=st.booleans(),
)
@settings(max_examples=300)
def test_exact_labels_are_those_of_the_full_ensemble(
    weights: list[float],
    classes: int,
    seed: int,
    sharpness: float,
    factors: tuple[float, ...],
    by_class: bool,
) -> None:
    samples = passes(len(weights), classes, seed, sharpness)
    shares_nc = np.repeat(np.array(weights)[:, None], classes, axis=1)
    if by_class:
        shares_nc *= np.random.default_rng(seed).uniform(0.05, 5, shares_nc.shape)
    shares_nc /= shares_nc.sum(0)
    decision = Decision(factors=factors[:classes])
    labels_hw, _ = run(
        samples, [*shares_nc], new_stopping_monitors(StoppingSpec(), decision)(), decision.factors
    )
    full = (shares_nc[:, :, None, None].astype(np.float32) * samples).sum(0)
    scores = full * np.array(decision.factors or [1.0] * classes, dtype=np.float32)[:, None, None]
    first, second = np.sort(scores, axis=0)[[-1, -2]]
    same = labels_hw == scores.argmax(0)
    assert same[first - second > 1e-4 * first].all()


def test_factors_let_a_rare_class_overtake_later() -> None:
    """A class that counts tenfold may still win with a tenth of the weight that is missing."""
    samples = np.array([[[[0.9]], [[0.1]]], [[[0.0]], [[1.0]]]], dtype=np.float32)
    _, taken = run(samples, [0.95, 0.05], new_stopping_monitors(StoppingSpec(), Decision())())
    assert taken == 1
    labels_hw, taken = run(
        samples,
        [0.95, 0.05],
        new_stopping_monitors(StoppingSpec(), Decision(factors=(1.0, 8.0)))(),
        (1.0, 8.0),
    )
    assert taken == 2
    assert labels_hw.tolist() == [[1]]


def test_exact_saves_passes_where_members_agree() -> None:
    samples = passes(10, 3, 0, sharpness=1000)
    _, taken = run(samples, [0.1] * 10, new_stopping_monitors(StoppingSpec(), Decision())())
    assert taken < 10


@given(
    seed=st.integers(0, 10_000), sharpness=st.floats(0, 10), tolerance=st.sampled_from([0.0, 0.05, 0.1, 0.3])
)
def test_uncalibrated_tolerance_holds_for_every_image(seed: int, sharpness: float, tolerance: float) -> None:
    samples = passes(9, 4, seed, sharpness)
    labels_hw, _ = run(
        samples, [1 / 9] * 9, new_stopping_monitors(StoppingSpec(tolerance=tolerance), Decision())()
    )
    full = samples.mean(0)
    changed = (labels_hw != full.argmax(0)) & (Decision().margins(full) > 1e-5)
    assert changed.mean() <= tolerance


@pytest.fixture(scope="module")
def population() -> list[PassTrace]:
    """Images from easy to hard, each run to the end."""
    rng = np.random.default_rng(0)
    return [trace_of(passes(9, 4, seed, rng.uniform(1, 12))) for seed in range(150)]


def trace_of(samples: Passes) -> PassTrace:
    standings, losses = [], []
    final = samples.mean(0).argmax(0)
    for taken in range(1, len(samples)):
        total = samples[:taken].sum(0) / len(samples)
        standings.append(Margins(total, np.full(4, 1 - taken / len(samples)), Decision()).recorded())
        losses.append(float((total.argmax(0) != final).mean()))
    return PassTrace(len(samples), tuple(range(1, len(samples))), tuple(standings), tuple(losses))


def rule(calibrated_on: list[PassTrace], tolerance: float) -> Rule:
    calibration = CalibrationSpec(
        images=len(calibrated_on), order=(), risk=estimate_risk(calibrated_on), fingerprint="of these"
    )
    return new_stopping_rule(StoppingSpec(tolerance=tolerance, calibration=calibration))


@pytest.mark.parametrize("tolerance", [0.01, 0.03, 0.1])
def test_calibrated_tolerance_holds_on_fresh_images(population: list[PassTrace], tolerance: float) -> None:
    """Over many random halvings, which is the expectation that the guarantee speaks of."""
    rng = np.random.default_rng(1)
    losses: list[float] = []
    taken: list[int] = []
    for _ in range(40):
        order = [population[n] for n in rng.permutation(len(population))]
        known, fresh = order[:60], order[60:]
        outcomes = [trace.replay(rule(known, tolerance)) for trace in fresh]
        taken += [passes for passes, _ in outcomes]
        losses += [loss for _, loss in outcomes]
    assert np.mean(losses) <= tolerance
    assert np.mean(taken) < population[0].passes, "nothing was saved: the test shows nothing"


def test_calibration_saves_more_than_certainty(population: list[PassTrace]) -> None:
    tolerance = 0.05
    known, fresh = population[:100], population[100:]
    certain = sum(trace.replay(WorstCaseRule(tolerance))[0] for trace in fresh)
    calibrated = sum(trace.replay(rule(known, tolerance))[0] for trace in fresh)
    assert calibrated < certain


def test_risk_is_the_largest_loss_after_doubt_has_fallen_that_far() -> None:
    """By hand: doubt falls 0.5, 0.01, 0.02; losses 0.3, 0.1, 0.2."""
    standings = tuple(RecordedMargins(1, doubt) for doubt in (0.5, 0.01, 0.02))
    trace = PassTrace(4, (1, 2, 3), standings, (0.3, 0.1, 0.2))
    for level, value in zip(DOUBT_LEVELS, trace.risks(), strict=True):
        assert value == (0.3 if level >= 0.5 else 0.2 if level >= 0.01 else 0.0)


def test_doubt_that_does_not_fall_anew_settles_nothing() -> None:
    one = rule([PassTrace(1, (), (), ())], 0.25)
    assert not one.settles(RecordedMargins(changeable_share=1, uncertain_share=0.01))
    assert not one.settles(RecordedMargins(changeable_share=0.4, uncertain_share=0.01))
    assert one.settles(RecordedMargins(changeable_share=0.4, uncertain_share=0.001))


@pytest.mark.parametrize(("missing", "uncertain"), [(0.8, 1.0), (0.5, 0.0), (0.2, 0.0)])
def test_a_tile_is_uncertain_by_the_error_of_a_mean_of_so_few_passes(
    missing: float, uncertain: float
) -> None:
    """The margin is 0.15. Bounds are 0.2, 0.1 and 0.05: a tenth of the roots of 4, 1 and 1/4."""
    added = 1 - missing
    sum_chw = np.empty((2, 8, 8), dtype=np.float32)
    sum_chw[0], sum_chw[1] = 0.575 * added, 0.425 * added
    assert TileMargins.of(sum_chw, np.full(2, missing), Decision()).uncertain_share == uncertain


@pytest.mark.parametrize(("beyond", "changeable"), [(5e-4, 1.0), (2e-3, 0.0)])
def test_rounding_weighs_more_for_a_class_with_a_small_factor(beyond: float, changeable: float) -> None:
    """The second class lacks a little more than is missing, by 1e-5 times the ratio of factors or by more."""
    factors, missing, second = (1.0, 0.01), 0.3, 0.69
    first = factors[1] * (second + missing + beyond)
    sum_chw = np.array([first, second], dtype=np.float32)[:, None, None]
    assert Margins(sum_chw, np.full(2, missing), Decision(factors=factors)).changeable_share == changeable
