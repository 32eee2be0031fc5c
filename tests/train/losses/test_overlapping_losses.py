"""Each loss of classes that overlap against a value from elsewhere, and what all owe to ignored pixels."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from segmentation_models_pytorch.losses import TverskyLoss
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

CLASSES = 3
EVEN = torch.ones(CLASSES)
UNEVEN = torch.tensor([0.5, 3.0, 1.0])

LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross entropy": cross_entropy,
    "smoothed and weighted cross entropy": partial(cross_entropy, label_smoothing=0.1, positive_weight=3.0),
    "focal": focal_loss,
    "root focal": partial(focal_loss, gamma=0.5),
    "dice": dice_loss,
    "jaccard": jaccard_loss,
    "tversky": tversky_loss,
    "lovasz": lovasz_loss,
    "symmetric lovasz": partial(lovasz_loss, symmetric=True),
    "ms_ssim": ms_ssim_loss,
    "boundary": partial(boundary_loss, sigma=1.5),
    "ohem": ohem_loss,
}
each_loss = pytest.mark.parametrize("loss", [pytest.param(f, id=name) for name, f in LOSSES.items()])


def batch(seed: int = 0, *, ignored: float = 0.1) -> tuple[Tensor, Tensor]:
    """Logits, and planes of blocks in which a third of the blocks are of each class."""
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, CLASSES, 24, 28, generator=rng) * 2
    blocks = (torch.rand(2, CLASSES, 6, 7, generator=rng) < 0.33).to(torch.uint8)
    planes = blocks.repeat_interleave(4, 2).repeat_interleave(4, 3)
    hidden = torch.rand(2, 1, 24, 28, generator=rng) < ignored
    return logits, planes.masked_fill(hidden, IGNORE_INDEX)


def of_class(label: int, logits: Tensor, planes: Tensor) -> tuple[Tensor, Tensor]:
    """The logits of the labelled pixels of a class, and its truth, in the shape of one image of one row."""
    known = planes[:, label] != IGNORE_INDEX
    return logits[:, label][known].reshape(1, 1, 1, -1), planes[:, label][known].reshape(1, 1, 1, -1).float()


def mean_of_classes(loss: Callable[[Tensor, Tensor], Tensor], weights: Tensor) -> Callable[..., Tensor]:
    """A binary loss for each class alone, and their weighted mean."""

    def mean(logits: Tensor, planes: Tensor) -> Tensor:
        losses = torch.stack([loss(*of_class(label, logits, planes)) for label in range(CLASSES)])
        return (losses * weights).sum() / weights.sum()

    return mean


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("positive", [1.0, 4.0])
@pytest.mark.parametrize("weights", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_cross_entropy_is_smps(weights: Tensor, positive: float, smoothing: float) -> None:
    logits, planes = batch()
    theirs = smp.losses.SoftBCEWithLogitsLoss(
        smooth_factor=smoothing / 2, pos_weight=torch.tensor(positive), ignore_index=None
    )
    expected = mean_of_classes(theirs, weights)(logits, planes)
    found = cross_entropy(logits, planes, weights, label_smoothing=smoothing, positive_weight=positive)
    torch.testing.assert_close(found, expected)


def test_a_softmax_of_two_classes_is_a_sigmoid_of_one() -> None:
    rng = torch.Generator().manual_seed(1)
    two, labels = torch.randn(2, 2, 9, 8, generator=rng), torch.randint(2, (2, 9, 8), generator=rng)
    one, plane, even = two[:, 1:] - two[:, :1], labels[:, None].to(torch.uint8), torch.ones(2)
    for loss in (cross_entropy, partial(cross_entropy, label_smoothing=0.2), focal_loss, ohem_loss):
        torch.testing.assert_close(loss(one, plane, even[:1]), loss(two, labels, even))


def test_focal_is_torchvisions() -> None:
    logits, planes = batch()
    theirs = partial(sigmoid_focal_loss, alpha=-1, gamma=1.5, reduction="mean")
    expected = mean_of_classes(theirs, UNEVEN)(logits, planes)
    torch.testing.assert_close(focal_loss(logits, planes, UNEVEN, gamma=1.5), expected)


@pytest.mark.parametrize(
    "loss, theirs",
    [
        (dice_loss, smp.losses.DiceLoss("binary", smooth=0.0)),
        (jaccard_loss, smp.losses.JaccardLoss("binary", smooth=0.0)),
        (partial(tversky_loss, alpha=0.2, beta=0.9), TverskyLoss("binary", alpha=0.2, beta=0.9, smooth=0.0)),
        (lovasz_loss, smp.losses.LovaszLoss("binary", per_image=False)),
    ],
    ids=["dice", "jaccard", "tversky", "lovasz"],
)  # fmt: skip
@pytest.mark.parametrize("weights", [EVEN, UNEVEN], ids=["even", "uneven"])
def test_overlap_losses_are_smps(
    loss: Callable[..., Tensor], theirs: Callable[..., Tensor], weights: Tensor
) -> None:
    logits, planes = batch()
    torch.testing.assert_close(
        loss(logits, planes, weights), mean_of_classes(theirs, weights)(logits, planes), rtol=1e-5, atol=1e-5
    )


@settings(deadline=None, max_examples=40)
@given(
    pixels=st.lists(
        st.tuples(st.floats(-4, 4, width=32), st.booleans()), min_size=1, max_size=8, unique_by=lambda p: p[0]
    ),
    symmetric=st.booleans(),
)
def test_lovasz_hinge_against_its_definition(pixels: list[tuple[float, bool]], symmetric: bool) -> None:
    """The sum, over the pixels by falling error, of how much the Jaccard loss of the wrong ones grows."""

    def jaccard_of_wrong(wrong: set[int], truth: list[bool]) -> float:
        predicted = {n for n, true in enumerate(truth) if true != (n in wrong)}
        true = {n for n, is_true in enumerate(truth) if is_true}
        return 1 - len(predicted & true) / len(predicted | true) if predicted | true else 0.0

    def hinge(logits: list[float], truth: list[bool]) -> float:
        errors = [1 - logit * (1 if true else -1) for logit, true in zip(logits, truth, strict=True)]
        total, wrong = 0.0, set[int]()
        for n in sorted(range(len(errors)), key=lambda n: -errors[n]):
            step = jaccard_of_wrong(wrong | {n}, truth) - jaccard_of_wrong(wrong, truth)
            total, wrong = total + max(0.0, errors[n]) * step, wrong | {n}
        return total

    logits, truth = [p[0] for p in pixels], [p[1] for p in pixels]
    expected = hinge(logits, truth)
    if symmetric:
        expected = (expected + hinge([-one for one in logits], [not one for one in truth])) / 2
    maps = torch.tensor(logits).reshape(1, 1, 1, -1), torch.tensor(truth).to(torch.uint8).reshape(1, 1, 1, -1)
    assert float(lovasz_loss(*maps, torch.ones(1), symmetric=symmetric)) == pytest.approx(expected, abs=1e-5)


def test_ohem_keeps_the_hardest_pixels_of_all_planes() -> None:
    logits, planes = batch()
    losses = [
        math.log1p(math.exp(-logit if true else logit))
        for label in range(CLASSES)
        for logit, true in zip(*(x.flatten().tolist() for x in of_class(label, logits, planes)), strict=True)
    ]
    hardest = sorted(losses)[-math.ceil(0.1 * len(losses)) :]
    found = ohem_loss(logits, planes, EVEN, keep=0.1)
    assert float(found) == pytest.approx(sum(hardest) / len(hardest), rel=1e-4)


def test_boundary_of_one_class_is_that_of_two() -> None:
    logits, planes = batch()
    one, plane = logits[:, :1], planes[:, :1]
    two = torch.cat([torch.zeros_like(one), one], dim=1)
    expected = boundary_loss(two, plane[:, 0].long(), torch.ones(2))
    torch.testing.assert_close(boundary_loss(one, plane, torch.ones(1)), expected)


def test_ms_ssim_is_that_of_sigmoids() -> None:
    """A sigmoid of one is the second probability of a softmax of two, of which the first has no weight."""
    logits, planes = batch()
    two = torch.cat([torch.zeros_like(logits[:, :1]), logits[:, :1]], dim=1)
    expected = ms_ssim_loss(two, planes[:, 0].long(), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(ms_ssim_loss(logits[:, :1], planes[:, :1], torch.ones(1)), expected)


@each_loss
def test_ignored_pixels_have_no_gradient_and_do_not_count(loss: Callable[..., Tensor]) -> None:
    logits, planes = batch(ignored=0.3)
    hidden = (planes == IGNORE_INDEX).expand_as(logits)
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, planes, UNEVEN)
    (gradient,) = torch.autograd.grad(value, leaf)
    assert value.shape == () and bool(gradient.isfinite().all())
    assert not gradient[hidden].any() and gradient[~hidden].any()
    torch.testing.assert_close(loss(logits.masked_fill(hidden, 7.0), planes, UNEVEN), value.detach())


@each_loss
def test_a_batch_without_labels_costs_nothing(loss: Callable[..., Tensor]) -> None:
    leaf = torch.randn(2, CLASSES, 24, 28).requires_grad_()
    value = loss(leaf, torch.full((2, CLASSES, 24, 28), IGNORE_INDEX, dtype=torch.uint8), EVEN)
    assert float(value.detach()) == 0
    (gradient,) = torch.autograd.grad(value, leaf)
    assert not gradient.any()


@each_loss
def test_empty_masks_are_finite_and_loss_falls_towards_the_truth(loss: Callable[..., Tensor]) -> None:
    planes = torch.zeros(2, CLASSES, 24, 28, dtype=torch.uint8)
    planes[0, 1, 4:20, 4:20] = 1
    right = torch.where(planes == 1, 9.0, -9.0)
    assert 0 <= float(loss(right, planes, EVEN)) < float(loss(-right, planes, EVEN))


def test_a_mix_takes_planes_as_images_have_their_channels() -> None:
    logits, planes = batch()
    mix = LossMix(
        [WeightedLoss(cross_entropy, 2.0, EVEN.numpy()), WeightedLoss(dice_loss, 0.5, UNEVEN.numpy())]
    )
    expected = 2 * cross_entropy(logits, planes, EVEN) + 0.5 * dice_loss(logits, planes, UNEVEN)
    torch.testing.assert_close(
        mix(logits.half().float(), planes.movedim(1, -1)), expected, rtol=1e-3, atol=1e-3
    )
    by_torch = functional.binary_cross_entropy_with_logits(logits, (planes == 1).float(), reduction="none")
    known = (planes != IGNORE_INDEX).expand_as(logits)
    torch.testing.assert_close(cross_entropy(logits, planes, EVEN), by_torch[known].mean())
