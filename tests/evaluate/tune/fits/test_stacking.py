"""The fit of a stacking against torch's minimiser, and what it makes of members whose errors are known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from seg.engine.merging.merges import new_merge
from seg.engine.passes.passes import PlannedPass
from seg.engine.passes.views import VIEWS
from seg.evaluate.metrics.groups import number_groups
from seg.evaluate.tune.evidence.by_group import score_by_criterion
from seg.evaluate.tune.evidence.choose_departure import choose_stacking
from seg.evaluate.tune.evidence.stacking_offer import describe_stacking_offer
from seg.evaluate.tune.fits import stacking as fits
from seg.evaluate.tune.fits.departures import Departure, Departures, FittedDeparture
from seg.evaluate.tune.fits.member_pixels import MemberPixels
from seg.evaluate.tune.fits.stacking import BALANCE, CONSTANTS, PENALTY, fit_stacking
from seg.metrics.image_tallies import ImageTallies
from tests.evaluate.conftest import CLASSES, MakeScorer, counted

EVEN = np.full(CLASSES, 1 / CLASSES)


def pixels_of(make_scorer: MakeScorer, images: int = 24) -> MemberPixels:
    scorer = make_scorer([2.0, 2.5], images=images)
    return MemberPixels.of(scorer, scorer.views)


def test_it_reaches_the_minimum_that_torch_finds(
    make_scorer: MakeScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fits, "STEPS", 2000)
    pixels = pixels_of(make_scorer, images=4)
    scores_cn = pixels.merged(np.array([0.6, 0.4])).reshape(CLASSES, -1)
    truth_n = pixels.labels_in.ravel()
    fitted = fit_stacking(scores_cn, pixels.flat_mcn, truth_n)

    logs = torch.from_numpy(pixels.flat_mcn).double().clamp(min=1e-4).log()
    centred = logs - logs.mean(1, keepdim=True)
    offset, truth = torch.from_numpy(scores_cn).double().log().T, torch.from_numpy(truth_n).long()
    share = torch.bincount(truth, minlength=CLASSES) / len(truth)
    weight = share[truth] ** -BALANCE
    matrices = torch.zeros(2, CLASSES, CLASSES, dtype=torch.float64, requires_grad=True)
    constants = torch.zeros(CLASSES, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([matrices, constants], max_iter=500, line_search_fn="strong_wolfe")

    def cost(matrices: torch.Tensor, constants: torch.Tensor) -> torch.Tensor:
        logits = offset + torch.einsum("mck,mkn->nc", matrices, centred) + constants
        losses = functional.cross_entropy(logits, truth, reduction="none")
        size = matrices.square().sum() + CONSTANTS * constants.square().sum()
        return (losses * weight / weight.sum()).sum() + PENALTY * size

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        value = cost(matrices, constants)
        torch.autograd.backward(value)
        return value

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    own = cost(torch.from_numpy(fitted.matrices_mcc), torch.from_numpy(fitted.constants_c))
    reached = cost(matrices.detach(), constants.detach())
    assert float(own - reached) < 1e-5


def test_fits_and_the_engine_say_the_same(make_scorer: MakeScorer) -> None:
    pixels = pixels_of(make_scorer)
    weights_m = np.array([0.75, 0.25])
    fitted = pixels.fit_stacking(weights_m, np.ones(CLASSES)).scaled(0.5)
    pass_order = [PlannedPass(m, VIEWS["identity"], share) for m, share in enumerate(weights_m)]
    written = fitted.as_stacking(weights_m > 0)
    merge = new_merge("mean", pass_order, CLASSES, pixels.labels_in.shape, stacking=written)
    for position, probabilities in enumerate(pixels.probabilities_mcin):
        merge.add(position, probabilities)
    scores_cin = pixels.merged(weights_m, stacking=fitted)
    np.testing.assert_allclose(merge.merged(), scores_cin / scores_cin.sum(0), atol=2e-3)


def test_a_member_without_weight_has_no_part(make_scorer: MakeScorer) -> None:
    pixels = pixels_of(make_scorer)
    fitted = pixels.fit_stacking(np.array([1.0, 0.0]), np.ones(CLASSES))
    assert np.abs(fitted.matrices_mcc[1]).max() == 0
    assert np.abs(fitted.matrices_mcc[0]).max() > 0
    assert fitted.as_stacking(np.array([True, False])).matrices[1] == ()


def test_a_confusion_of_all_groups_is_mended(make_scorer: MakeScorer) -> None:
    """The second member exchanges two classes."""
    group_i = number_groups([str(image // 3) for image in range(24)])
    pixels = pixels_of(make_scorer)
    probabilities = pixels.probabilities_mcin.copy()
    probabilities[1] = probabilities[1, [1, 0, 2, 3]]
    departures = Departures(replace(pixels, probabilities_mcin=probabilities), group_i, EVEN)
    stacked = choose_stacking(departures, Departure())
    without, with_it = (
        score_by_criterion(departures.judge(one), group_i, "mean") for one in (Departure(), stacked)
    )
    assert stacked.stacking > 0
    assert with_it > without + 0.05


@pytest.mark.parametrize(("gain", "is_taken"), [(0.1, True), (0.02, False), (-0.1, False)])
def test_it_is_taken_if_it_gains_two_standard_errors(
    make_scorer: MakeScorer, gain: float, is_taken: bool
) -> None:
    metric, images = counted("dice", 1).metric, 24
    noise_i = np.random.default_rng(0).normal(0, 0.1, images)

    def judge(fits: Sequence[Sequence[FittedDeparture]]) -> list[ImageTallies]:
        dice_fi = [0.5 + (noise_i - noise_i.mean() + gain) * (one[0].stacking is not None) for one in fits]
        return [ImageTallies(metric, np.stack([d, np.ones(images)], axis=1)[:, None]) for d in dice_fi]

    departures = Departures(pixels_of(make_scorer), np.arange(images), EVEN, "mean", judge)
    stacked = choose_stacking(departures, Departure())
    assert (stacked.stacking > 0) == is_taken
    assert ("not taken" in describe_stacking_offer(departures, stacked)) != is_taken
    assert f"{100 * gain:+.2f} ± " in describe_stacking_offer(departures, stacked)
