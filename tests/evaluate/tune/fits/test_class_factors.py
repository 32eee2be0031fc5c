"""Class factors and temperatures against brute force and probabilities that were bent on purpose."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchmetrics.classification import MulticlassJaccardIndex

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.fits.class_factors import FACTORS, fit_factors, miou_by_value
from seg.evaluate.tune.fits.temperature import calibrate_members
from seg.evaluate.tune.scorer import Scorer
from seg.labels.probability_codec import to_levels
from tests.evaluate.conftest import MakeScorer


def brute_force(scores_cn: NDArray[np.float32], truth_n: NDArray[np.uint8], label: int) -> list[float]:
    found = []
    for step in FACTORS:
        raised_cn = scores_cn.astype(np.float64)
        raised_cn[label] *= step
        metric = MulticlassJaccardIndex(len(scores_cn), average="macro")
        found.append(float(metric(torch.tensor(raised_cn.argmax(0)), torch.tensor(truth_n.astype(int)))))
    return found


@pytest.mark.parametrize("label", range(4))
def test_all_factors_of_a_class_are_judged_at_once(make_scorer: MakeScorer, label: int) -> None:
    scorer = make_scorer([1.5])
    scores_cn = scorer.merged(Mixture.single(0, scorer.views)).reshape(4, -1)
    truth_n = scorer.labels_in.ravel()
    expected = brute_force(scores_cn, truth_n, label)
    others_cn = np.where(np.arange(4)[:, None] == label, -1, scores_cn)
    needed_n = others_cn.max(0) / scores_cn[label]
    found = miou_by_value(needed_n, others_cn.argmax(0), truth_n, label, FACTORS)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_class_that_gets_too_little_gets_its_factor_back(make_scorer: MakeScorer) -> None:
    """A member whose probabilities of one class were divided by eight."""
    plain = make_scorer([1.0], images=40)
    truth_cin = plain.merged(Mixture.single(0, plain.views))
    bent_cin = truth_cin * np.array([1, 1, 1 / 8, 1], dtype=np.float32)[:, None, None]
    factors = fit_factors(bent_cin, plain.labels_in)
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
    levels = to_levels((said_icn / said_icn.sum(1, keepdims=True)).astype(np.float32))
    scorer = Scorer(("m",), (("identity",),), labels_in, {(0, "identity"): levels})
    (found,) = calibrate_members(scorer)
    assert found.temperature == pytest.approx(sureness, rel=0.1)
    assert found.after < 0.02
    if sureness != 1:
        assert found.after < found.before / 2
