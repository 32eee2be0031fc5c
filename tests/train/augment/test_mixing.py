"""Mixed batches: labels stay true of what the network sees, and all follows from the seed."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from seg.labels.label_map import IGNORE_INDEX
from seg.spec.recipe.mixing import BatchMixSpec
from seg.train.mixing import mix_batch

CUTMIX, MIXUP, GRIDMASK = BatchMixSpec(cutmix=1.0), BatchMixSpec(mixup=1.0), BatchMixSpec(gridmask=1.0)

sizes = st.tuples(st.integers(2, 4), st.integers(1, 40), st.integers(1, 40))
seeds = st.integers(0, 2**32 - 1)


def batch(size_nhw: tuple[int, int, int], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images whose channels are the image's place in the batch plus 1, and the label, and noise."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randint(250, 256, size_nhw, generator=rng).to(torch.uint8)
    place = torch.arange(1, size_nhw[0] + 1, dtype=torch.uint8).reshape(-1, 1, 1).expand(size_nhw)
    noise = torch.randint(1, 256, size_nhw, generator=rng).to(torch.uint8)
    return torch.stack([place, labels, noise], dim=-1), labels


@given(size_nhw=sizes, seed=seeds)
def test_cutmix_moves_pixels_with_their_labels(size_nhw: tuple[int, int, int], seed: int) -> None:
    images, labels = batch(size_nhw)
    mixed = mix_batch(images, labels, CUTMIX, seed)
    ((cut, share),) = mixed.targets
    assert share == 1
    assert torch.equal(mixed.images[..., 1], cut)
    for place in range(len(labels)):
        source = mixed.images[place, :, :, 0].long() - 1
        rows, columns = torch.meshgrid(*map(torch.arange, labels.shape[1:]), indexing="ij")
        assert torch.equal(mixed.images[place], images[source, rows, columns])
        moved = source != place
        assert (source[moved] == (place - 1) % len(labels)).all()
        assert torch.equal(moved, torch.outer(moved.any(1), moved.any(0)))


@given(size_nhw=sizes, seed=seeds)
def test_mixup_blends_two_and_asks_for_both(size_nhw: tuple[int, int, int], seed: int) -> None:
    images, labels = batch(size_nhw)
    mixed = mix_batch(images, labels, MIXUP, seed)
    (first, share), (second, rest) = mixed.targets
    assert share + rest == pytest.approx(1)
    assert torch.equal(first, labels)
    partners = [labels.tolist().index(one) for one in second.tolist()]
    blend = share * images.numpy().astype(float) + rest * images[partners].numpy()
    assert mixed.images.dtype == torch.uint8
    assert np.abs(mixed.images.numpy() - blend).max() <= 0.5 + 1e-4


@given(size_nhw=sizes, seed=seeds)
def test_gridmask_ignores_what_it_hides(size_nhw: tuple[int, int, int], seed: int) -> None:
    images, labels = batch(size_nhw)
    mixed = mix_batch(images, labels, GRIDMASK, seed)
    ((masked, share),) = mixed.targets
    assert share == 1
    hidden = (mixed.images == 0).all(-1)
    assert torch.equal(mixed.images[~hidden], images[~hidden])
    assert (masked[hidden] == IGNORE_INDEX).all()
    assert torch.equal(masked[~hidden], labels[~hidden])


def test_gridmask_hides_a_quarter_in_squares() -> None:
    images, labels = batch((4, 64, 96))
    hidden = [(mix_batch(images, labels, GRIDMASK, seed).images == 0).all(-1) for seed in range(50)]
    assert torch.stack(hidden).float().mean() == pytest.approx(0.25, abs=0.03)
    for grid in hidden[0]:
        assert torch.equal(grid, torch.outer(grid.any(1), grid.any(0)))


def test_cutmix_boxes_have_any_area() -> None:
    """Of a side s, 1 - s/4 lies inside the image on average, and s² is uniform in 0..1."""
    images, labels = batch((4, 64, 64))
    own = torch.arange(1, 5).reshape(-1, 1, 1)
    moved = [(mix_batch(images, labels, CUTMIX, seed).images[..., 0] != own).float() for seed in range(200)]
    areas = torch.stack(moved).mean((2, 3))
    assert areas.mean() == pytest.approx(1 / 2 - 1 / 5 + 1 / 48, abs=0.03)
    assert areas.min() < 0.02
    assert areas.max() > 0.85


def test_shares_are_of_batches() -> None:
    images, labels = batch((2, 16, 16))
    ways = Counter[str]()
    spec = BatchMixSpec(cutmix=0.5, mixup=0.2, gridmask=0.1)
    for seed in range(2000):
        mixed = mix_batch(images, labels, spec, seed)
        if len(mixed.targets) == 2:
            ways["mixup"] += 1
        elif (mixed.images == 0).any():
            ways["gridmask"] += 1
        else:
            ways["as it is" if mixed.images is images else "cutmix"] += 1
    shares = {way: count / 2000 for way, count in ways.items()}
    assert shares == pytest.approx({"cutmix": 0.5, "mixup": 0.2, "gridmask": 0.1, "as it is": 0.2}, abs=0.04)


@pytest.mark.parametrize("spec", [CUTMIX, MIXUP, GRIDMASK], ids=["cutmix", "mixup", "gridmask"])
def test_all_follows_from_the_seed(spec: BatchMixSpec) -> None:
    images, labels = batch((3, 32, 32))
    before = images.clone(), labels.clone()
    first, second, other = (mix_batch(images, labels, spec, seed) for seed in (5, 5, 6))
    assert torch.equal(first.images, second.images)
    assert not torch.equal(first.images, other.images)
    for (labels_a, share_a), (labels_b, share_b) in zip(first.targets, second.targets, strict=True):
        assert torch.equal(labels_a, labels_b)
        assert share_a == share_b
    assert torch.equal(images, before[0])
    assert torch.equal(labels, before[1])


def test_the_loss_of_a_blend_is_a_blend_of_losses() -> None:
    images, labels = batch((2, 8, 8))
    labels = labels % 3
    mixed = mix_batch(images, labels, MIXUP, seed=1)
    logits = torch.randn(2, 3, 8, 8)
    found = mixed.loss(lambda x, y: functional.cross_entropy(x, y.long()), logits)
    wanted = sum(share * functional.one_hot(one.long(), 3).movedim(-1, 1) for one, share in mixed.targets)
    assert isinstance(wanted, Tensor)
    torch.testing.assert_close(found, functional.cross_entropy(logits, wanted))
