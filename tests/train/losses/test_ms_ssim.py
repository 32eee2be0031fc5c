"""Multi-scale structural similarity against torchmetrics."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional.image import structural_similarity_index_measure

from seg.labels.label_map import IGNORE_INDEX
from seg.train.losses.ms_ssim import ms_ssim_loss

CLASSES = 4
EVEN = torch.ones(CLASSES)
UNEVEN = torch.tensor([0.5, 3.0, 1.0, 0.25])


def batch(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Logits, and labels in columns of which every fifth is ignored; the second image lacks class 3."""
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(2, CLASSES, height, width, generator=rng)
    labels = (torch.arange(width) // 3 % CLASSES).expand(2, height, width).clone()
    labels[1] %= 3
    labels[..., ::5] = IGNORE_INDEX
    return logits, labels


@pytest.mark.parametrize(("side", "scales"), [(14, 1), (43, 2), (90, 4), (176, 5)])
def test_ms_ssim_from_torchmetrics_similarity_of_each_scale(side: int, scales: int) -> None:
    """Where a window reaches beyond the map, torchmetrics mirrors it: those places are cut off."""
    logits, labels = batch(side, side + 5)
    known = (labels != IGNORE_INDEX).unsqueeze(1)
    truth = functional.one_hot(labels.where(labels != IGNORE_INDEX, 0), CLASSES).movedim(-1, 1) * known
    seen, wanted = (logits.softmax(1) * known).flatten(0, 1)[:, None], truth.flatten(0, 1)[:, None].float()
    exponents = torch.tensor([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    similarity = torch.ones(len(seen))
    for number, exponent in enumerate(exponents / exponents.sum(), start=1):
        last = number == scales
        _, term = structural_similarity_index_measure(
            seen, wanted, data_range=1.0, return_full_image=last, return_contrast_sensitivity=not last
        )
        assert isinstance(term, Tensor)
        mean = term[..., 5:-5, 5:-5].mean((1, 2, 3)) if last else term
        similarity *= ((mean + 1) / 2) ** exponent
        seen, wanted = functional.avg_pool2d(seen, 2), functional.avg_pool2d(wanted, 2)
    weights = (truth.amax((2, 3)) * UNEVEN).flatten()
    expected = ((1 - similarity) * weights).sum() / weights.sum()
    torch.testing.assert_close(ms_ssim_loss(logits, labels, UNEVEN), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side", [11, 21, 22, 43, 44, 87, 88, 175, 176])
def test_ms_ssim_takes_any_size_from_eleven_on(side: int) -> None:
    _, labels = batch(side, 176)
    right = functional.one_hot(labels.where(labels != IGNORE_INDEX, 0), CLASSES).movedim(-1, 1) * 50.0
    assert float(ms_ssim_loss(right, labels, EVEN)) == pytest.approx(0, abs=1e-5)
    assert float(ms_ssim_loss(-right, labels, EVEN)) > 0.1
