"""Each loss against a value from elsewhere, and what all of them owe to the ignore index."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from seg.labels.label_map import IGNORE_INDEX
from seg.train.losses.boundary import boundary_loss
from seg.train.losses.cross_entropy import cross_entropy
from seg.train.losses.focal import focal_loss
from seg.train.losses.loss_mix import LossMix, WeightedLoss
from seg.train.losses.lovasz import lovasz_loss
from seg.train.losses.ms_ssim import ms_ssim_loss
from seg.train.losses.ohem import ohem_loss
from seg.train.losses.overlap import dice_loss, jaccard_loss, tversky_loss

CLASSES = 4
EVEN = torch.ones(CLASSES)
UNEVEN = torch.tensor([0.5, 3.0, 1.0, 0.25])

LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross entropy": cross_entropy,
    "smoothed cross entropy": partial(cross_entropy, label_smoothing=0.1),
    "focal": focal_loss,
    "flat focal": partial(focal_loss, gamma=0.0),
    "root focal": partial(focal_loss, gamma=0.5),
    "dice": dice_loss,
    "jaccard": jaccard_loss,
    "tversky": tversky_loss,
    "lovasz": lovasz_loss,
    "ms_ssim": ms_ssim_loss,
    "boundary": partial(boundary_loss, sigma=1.5),
    "ohem": ohem_loss,
}
each_loss = pytest.mark.parametrize("loss", [pytest.param(f, id=name) for name, f in LOSSES.items()])


def batch(seed: int = 0, size_hw: tuple[int, int] = (24, 28), spread: float = 2.0) -> tuple[Tensor, Tensor]:
    """Logits, and blocks of all labels with a tenth of the pixels ignored."""
    rng = torch.Generator().manual_seed(seed)
    height, width = size_hw
    logits = torch.randn(2, CLASSES, height, width, generator=rng) * spread
    blocks = torch.randint(CLASSES, (2, height // 4 + 1, width // 4 + 1), generator=rng)
    labels = blocks.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, :height, :width].clone()
    labels[torch.rand(labels.shape, generator=rng) < 0.1] = IGNORE_INDEX
    return logits, labels


def by_pixel(logits: Tensor, labels: Tensor) -> list[tuple[int, list[float]]]:
    """The label and the probabilities of each labelled pixel, from plain arithmetic."""
    pixels = []
    for n, y, x in np.argwhere(labels.numpy() != IGNORE_INDEX):
        powers = [math.exp(value) for value in logits[n, :, y, x].tolist()]
        pixels.append((int(labels[n, y, x]), [power / sum(powers) for power in powers]))
    return pixels


def value_and_gradient(loss: Callable[..., Tensor], logits: Tensor, labels: Tensor) -> tuple[float, Tensor]:
    """Of the scalar that a loss is, with uneven weights; the gradient is that of the logits."""
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, labels, UNEVEN)
    assert value.shape == ()
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.item(), gradient


@pytest.mark.parametrize(("weights", "smoothing"), [(EVEN, 0.0), (UNEVEN, 0.0), (EVEN, 0.3), (UNEVEN, 0.3)])
def test_cross_entropy_is_torchs_mean(weights: Tensor, smoothing: float) -> None:
    logits, labels = batch()
    expected = functional.cross_entropy(
        logits, labels, weights, ignore_index=IGNORE_INDEX, label_smoothing=smoothing
    )
    torch.testing.assert_close(cross_entropy(logits, labels, weights, label_smoothing=smoothing), expected)


def test_smoothed_and_weighted_cross_entropy_by_hand() -> None:
    """Each class's term has that class's weight."""
    logits, labels = batch()
    weights, total = UNEVEN.tolist(), 0.0
    pixels = by_pixel(logits, labels)
    for label, probabilities in pixels:
        for c, p in enumerate(probabilities):
            total -= weights[c] * (0.2 / CLASSES + 0.8 * (c == label)) * math.log(p)
    expected = total / sum(weights[label] for label, _ in pixels)
    found = cross_entropy(logits, labels, UNEVEN, label_smoothing=0.2)
    assert float(found) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_by_hand(gamma: float) -> None:
    logits, labels = batch()
    weights = UNEVEN.tolist()
    pixels = by_pixel(logits, labels)
    total = sum(weights[c] * (1 - p[c]) ** gamma * -math.log(p[c]) for c, p in pixels)
    expected = total / sum(weights[c] for c, _ in pixels)
    assert float(focal_loss(logits, labels, UNEVEN, gamma=gamma)) == pytest.approx(expected, rel=1e-4)


def test_focal_of_two_classes_is_torchvisions() -> None:
    logits, labels = torch.randn(3, 2, 8, 8), torch.randint(2, (3, 8, 8))
    expected = sigmoid_focal_loss(
        logits[:, 1] - logits[:, 0], labels.float(), alpha=-1, gamma=1.5, reduction="mean"
    )
    torch.testing.assert_close(focal_loss(logits, labels, torch.ones(2), gamma=1.5), expected)


@pytest.mark.parametrize("weights", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        (dice_loss, smp.losses.DiceLoss),
        (jaccard_loss, smp.losses.JaccardLoss),
        (partial(tversky_loss, alpha=0.2, beta=0.9), partial(smp.losses.TverskyLoss, alpha=0.2, beta=0.9)),
    ],
    ids=["dice", "jaccard", "tversky"],
)
def test_overlap_is_smps_where_all_classes_occur(
    loss: Callable[..., Tensor], reference: Any, weights: Tensor
) -> None:
    logits, labels = batch()
    expected = reference("multiclass", ignore_index=IGNORE_INDEX, class_weights=weights.tolist())
    torch.testing.assert_close(loss(logits, labels, weights), expected(logits, labels))


def test_overlap_of_classes_that_occur_by_hand() -> None:
    """Two labelled pixels of class 0 with probabilities 3/4 and 1/4, one ignored; class 1 is absent."""
    logits = torch.tensor([[3.0, 1.0], [1.0, 3.0], [9.0, 1.0]]).log().T.reshape(1, 2, 1, 3)
    labels = torch.tensor([[[0, 0, IGNORE_INDEX]]])
    even = torch.ones(2)
    assert float(dice_loss(logits, labels, even)) == pytest.approx(1 - 2 * 1 / (1 + 2))
    assert float(jaccard_loss(logits, labels, even)) == pytest.approx(1 - 1 / 2)
    assert float(tversky_loss(logits, labels, even, alpha=0.5, beta=2.0)) == pytest.approx(
        1 - 1 / (1 + 2 * 1)
    )


def test_lovasz_is_smps() -> None:
    logits, labels = batch()
    labels[labels == 3] = IGNORE_INDEX
    expected = smp.losses.LovaszLoss("multiclass", ignore_index=IGNORE_INDEX)(logits, labels)
    torch.testing.assert_close(lovasz_loss(logits, labels, EVEN), expected)


def test_lovasz_weighs_classes() -> None:
    logits, labels = batch()
    each = [
        lovasz_loss(logits, labels, functional.one_hot(torch.tensor(c), CLASSES).float())
        for c in range(CLASSES)
    ]
    expected = (torch.stack(each) * UNEVEN).sum() / UNEVEN.sum()
    torch.testing.assert_close(lovasz_loss(logits, labels, UNEVEN), expected)


@pytest.mark.parametrize("loss", [jaccard_loss, lovasz_loss])
def test_of_certain_answers_they_are_the_jaccard_loss(loss: Callable[..., Tensor]) -> None:
    """What Lovász extends: at 0 and 1 it is one minus the intersection over union."""
    _, labels = batch()
    _, answers = batch(seed=1)
    answers[answers == IGNORE_INDEX] = 0
    logits = functional.one_hot(answers, CLASSES).movedim(-1, 1) * 100.0
    known = labels != IGNORE_INDEX
    ious = [
        ((labels == c) & (answers == c) & known).sum() / (((labels == c) | (answers == c)) & known).sum()
        for c in range(CLASSES)
    ]
    torch.testing.assert_close(loss(logits, labels, EVEN), 1 - torch.stack(ious).mean())


def test_boundary_by_brute_force() -> None:
    """Weights from OpenCV's chessboard distance to the pixels that have another class beside them."""
    logits, labels = batch()
    on_boundary = np.zeros(labels.shape, np.bool_)
    known = labels.numpy() != IGNORE_INDEX
    for n, y, x in np.argwhere(known):
        around = labels[n, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].numpy()
        on_boundary[n, y, x] = len(set(around.ravel()) - {IGNORE_INDEX}) > 1
    distance = np.stack(
        [cv2.distanceTransform((~one).astype(np.uint8), cv2.DIST_C, 3) for one in on_boundary]
    )
    weights = (
        known
        * (1 + 4 * np.exp(-(distance**2) / (2 * 2.0**2)) * (distance < 6))
        * UNEVEN.numpy()[np.where(known, labels, 0)]
    )
    pixelwise = functional.cross_entropy(logits, labels, ignore_index=IGNORE_INDEX, reduction="none").numpy()
    assert 0.2 < on_boundary.mean() < 0.9
    assert float(boundary_loss(logits, labels, UNEVEN, strength=4, sigma=2)) == pytest.approx(
        np.average(pixelwise, weights=weights), rel=1e-5
    )


@pytest.mark.parametrize("keep", [0.01, 0.3, 1.0])
def test_ohem_by_hand(keep: float) -> None:
    logits, labels = batch()
    weights = UNEVEN.tolist()
    hardest = sorted(
        ((weights[c] * -math.log(p[c]), weights[c]) for c, p in by_pixel(logits, labels)), reverse=True
    )
    kept = hardest[: math.ceil(keep * len(hardest))]
    expected = sum(loss for loss, _ in kept) / sum(weight for _, weight in kept)
    assert float(ohem_loss(logits, labels, UNEVEN, keep=keep)) == pytest.approx(expected, rel=1e-4)


@each_loss
def test_a_class_without_weight_has_no_label(loss: Callable[..., Tensor]) -> None:
    """Where no class has another's pixels for false positives, that is the same as to ignore it."""
    logits, labels = batch()
    labels[labels != 2] = IGNORE_INDEX
    assert float(loss(logits, labels, torch.tensor([1.0, 1.0, 0.0, 1.0]))) == 0


@each_loss
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), spread=st.floats(0, 200), level=st.floats(-500, 500))
def test_ignored_pixels_have_no_say(
    loss: Callable[..., Tensor], seed: int, spread: float, level: float
) -> None:
    logits, labels = batch(seed, (13, 15))
    ignored = (labels == IGNORE_INDEX).unsqueeze(1)
    noise = torch.randn(logits.shape, generator=torch.Generator().manual_seed(seed)) * spread + level
    value, gradient = value_and_gradient(loss, logits.where(~ignored, noise), labels)
    assert value == float(loss(logits, labels, UNEVEN))
    assert not gradient[ignored.expand_as(gradient)].any()


@each_loss
@pytest.mark.parametrize("spread", [0.0, 1.0, 1e3])
def test_gradients_are_finite_and_lead_down(loss: Callable[..., Tensor], spread: float) -> None:
    logits, labels = batch(spread=spread)
    value, gradient = value_and_gradient(loss, logits, labels)
    assert math.isfinite(value)
    assert gradient.isfinite().all()
    if spread < 10:
        step = 1e-2 * gradient / gradient.abs().max()
        assert float(loss(logits - step, labels, UNEVEN)) < value


@each_loss
def test_without_labels_nothing_is_lost_or_learnt(loss: Callable[..., Tensor]) -> None:
    logits, labels = batch()
    value, gradient = value_and_gradient(loss, logits, torch.full_like(labels, IGNORE_INDEX))
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize(
    "loss", [pytest.param(f, id=name) for name, f in LOSSES.items() if "smoothed" not in name]
)
def test_a_right_answer_costs_next_to_nothing(loss: Callable[..., Tensor]) -> None:
    _, labels = batch()
    right = functional.one_hot(labels.where(labels != IGNORE_INDEX, 0), CLASSES).movedim(-1, 1) * 50.0
    assert float(loss(right, labels, EVEN)) == pytest.approx(0, abs=1e-5)
    assert float(loss(-right, labels, EVEN)) > 0.3


@each_loss
def test_half_precision_is_left_outside(loss: Callable[..., Tensor]) -> None:
    logits, labels = batch()
    narrow = logits.bfloat16().requires_grad_()
    mixed = LossMix([WeightedLoss(loss, 0.5, UNEVEN.numpy())])
    with torch.autocast("cpu", torch.bfloat16):
        value = mixed(narrow, labels.to(torch.uint8))
    torch.testing.assert_close(value, 0.5 * loss(logits.bfloat16().float(), labels, UNEVEN))
    (gradient,) = torch.autograd.grad(value, narrow)
    assert gradient.isfinite().all()
    assert gradient.any()


def test_a_mix_is_a_weighted_sum() -> None:
    logits, labels = batch()
    mixed = LossMix(
        [WeightedLoss(cross_entropy, 0.9, EVEN.numpy()), WeightedLoss(dice_loss, 2.0, UNEVEN.numpy())]
    )
    expected = 0.9 * cross_entropy(logits, labels, EVEN) + 2 * dice_loss(logits, labels, UNEVEN)
    torch.testing.assert_close(mixed(logits, labels), expected)
    assert not mixed.state_dict()
