"""Class factors, class weights and temperatures against brute force and answers that were bent on purpose."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchmetrics.classification import MulticlassJaccardIndex

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.class_weights import FACTORS, miou_by_value, with_class_factors, with_class_weights
from seg.evaluate.tune.scorer import Scorer
from seg.evaluate.tune.temperature import calibrate_members
from seg.probability_codec import to_levels
from seg.views import VIEW_SETS
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
    mixture = Mixture.single(0, plain.views)
    bent = plain.merged(mixture) * np.array([1, 1, 1 / 8, 1], dtype=np.float32)[:, None, None]
    levels_icn = to_levels((bent / bent.sum(0)).transpose(1, 0, 2))
    scorer = Scorer(plain.names, plain.views, plain.labels_in, {(0, "identity"): levels_icn})
    weighed = with_class_factors(scorer, mixture)
    others = np.delete(np.array(weighed.factors), 2)
    assert 4 < weighed.factors[2] / others.mean() < 16
    assert np.prod(weighed.factors) == pytest.approx(1)
    assert scorer.miou(weighed) > scorer.miou(mixture) + 0.05
    assert scorer.miou(weighed) == pytest.approx(plain.miou(mixture), abs=0.02)


def test_members_that_know_different_classes_get_weights_for_them(make_scorer: MakeScorer) -> None:
    """Each of two members is blind for two of the classes, where it guesses one of them."""
    sharp = make_scorer([0.3], images=30)
    levels = {}
    for member, blind in enumerate(((0, 1), (2, 3))):
        said_icn = sharp.merged(Mixture.single(0, sharp.views)).transpose(1, 0, 2).copy()
        guess_in = np.random.default_rng(member).random((30, sharp.labels_in.shape[1]))
        both_in = said_icn[:, blind].sum(1)
        said_icn[:, blind[0]], said_icn[:, blind[1]] = both_in * guess_in, both_in * (1 - guess_in)
        levels[member, VIEW_SETS["none"][0]] = to_levels(said_icn)
    scorer = Scorer(("a", "b"), (VIEW_SETS["none"],) * 2, sharp.labels_in, levels)
    plain = Mixture.of((1, 1), scorer.views)
    weighed = with_class_weights(scorer, plain)
    a, b = np.array(weighed.class_weights)
    assert (a[:2] < b[:2]).all()
    assert (a[2:] > b[2:]).all()
    np.testing.assert_allclose((a + b) / 2, 1)
    assert scorer.miou(weighed) > scorer.miou(with_class_factors(scorer, plain)) + 0.02


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
