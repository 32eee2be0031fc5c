"""Class factors and temperatures against brute force and probabilities that were bent on purpose."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchmetrics.classification import MulticlassJaccardIndex

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.fits.class_factors import (
    FACTORS,
    fit_class_factors,
    pixels_for_factors,
    scores_by_factor,
)
from seg.evaluate.tune.fits.temperature import calibrate_members
from seg.evaluate.tune.scorer import PixelScorer
from seg.labels.probability_codec import probabilities_to_levels
from tests.evaluate.conftest import MakeScorer, counted

OF_SPLITS = ("miou", "dataset-dice", "pixel-accuracy")


def by_hand(
    name: str, scores_cin: NDArray[np.float32], truth_in: NDArray[np.uint8], factors: Sequence[float]
) -> float:
    """The metric of label maps that are decided with these factors."""
    raised_cin = scores_cin.astype(np.float64) * np.array(factors)[:, None, None]
    metric = counted(name).metric
    images = zip(truth_in[:, None], raised_cin.argmax(0).astype(np.uint8)[:, None], strict=True)
    return metric.score(np.stack([metric.tally(truth, found) for truth, found in images]))


@pytest.mark.parametrize(
    "name", ["miou", "dataset-dice", "pixel-accuracy", "dice", "iou", "iou@[0.3:0.6:0.1]"]
)
def test_all_factors_of_a_class_are_judged_at_once(make_scorer: MakeScorer, name: str) -> None:
    scorer = make_scorer([1.5])
    scores_cin = scorer.merged(Mixture.single(0, scorer.views))
    pixels = pixels_for_factors(scores_cin, scorer.labels_in, counted(name))
    start_c = np.array([1.0, 2.0, 0.5, 1.0])
    for label in range(4):
        found = scores_by_factor(pixels, start_c, label, counted(name))
        for step in range(0, len(FACTORS), 4):
            tried_c = start_c * np.where(np.arange(4) == label, FACTORS[step], 1)
            expected = by_hand(name, scores_cin, scorer.labels_in, tried_c.tolist())
            assert found[step] == pytest.approx(expected, abs=1e-6)


def test_mean_iou_is_that_of_torchmetrics(make_scorer: MakeScorer) -> None:
    scorer = make_scorer([1.5])
    scores_cin = scorer.merged(Mixture.single(0, scorer.views))
    truth = torch.tensor(scorer.labels_in.astype(int))
    expected = MulticlassJaccardIndex(4, average="macro")(torch.tensor(scores_cin.argmax(0)), truth)
    assert by_hand("miou", scores_cin, scorer.labels_in, [1.0] * 4) == pytest.approx(float(expected))


def test_a_class_that_gets_too_little_gets_its_factor_back(make_scorer: MakeScorer) -> None:
    """A member whose probabilities of one class were divided by eight."""
    plain = make_scorer([1.0], images=40)
    truth_cin = plain.merged(Mixture.single(0, plain.views))
    bent_cin = truth_cin * np.array([1, 1, 1 / 8, 1], dtype=np.float32)[:, None, None]
    factors = fit_class_factors(bent_cin, plain.labels_in, plain.metric)
    assert 4 < factors[2] / np.delete(factors, 2).mean() < 16
    assert np.prod(factors) == pytest.approx(1)
    bent, mended = (
        (one_cin.argmax(0) == plain.labels_in).mean()
        for one_cin in (bent_cin, bent_cin * factors[:, None, None])
    )
    assert mended > bent + 0.05
    assert mended == pytest.approx((truth_cin.argmax(0) == plain.labels_in).mean(), abs=0.02)


@pytest.mark.parametrize("sureness", [0.5, 1.0, 2.0])
def test_a_temperature_undoes_what_made_a_member_too_sure(sureness: float) -> None:
    """Labels drawn from the very probabilities that the member then exaggerates."""
    random = np.random.default_rng(0)
    logits_icn = random.normal(0, 1.5, (10, 4, 2000))
    truth_icn = np.exp(logits_icn) / np.exp(logits_icn).sum(1, keepdims=True)
    labels_in = (truth_icn.cumsum(1) < random.random((10, 1, 2000))).sum(1).astype(np.uint8)
    said_icn = np.exp(sureness * logits_icn)
    levels = probabilities_to_levels((said_icn / said_icn.sum(1, keepdims=True)).astype(np.float32))
    scorer = PixelScorer(("m",), (("identity",),), labels_in, {(0, "identity"): levels}, counted("miou"))
    (found,) = calibrate_members(scorer)
    assert found.temperature == pytest.approx(sureness, rel=0.1)
    assert found.after < 0.02
    if sureness != 1:
        assert found.after < found.before / 2
