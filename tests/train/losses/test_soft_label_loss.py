"""The loss of a student: the divergence from soft labels, beside the loss of true labels."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from seg.labels.label_map import IGNORE_INDEX
from seg.labels.probability_codec import probabilities_to_levels
from seg.train.losses.distillation import DistillationLoss, soft_label_loss
from tests.train.one_hot_labels import with_one_hot


def test_the_soft_loss_is_the_divergence_at_a_temperature() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    teacher = (3 * torch.randn(2, 3, 4, 5, generator=generator)).softmax(1)
    soft = torch.from_numpy(
        np.stack([probabilities_to_levels(chw.numpy()).transpose(1, 2, 0) for chw in teacher])
    )
    soft[1, :2] = IGNORE_INDEX
    for temperature in (1.0, 2.0, 4.0):
        flat = (teacher.log() / temperature).softmax(1)
        apart = (flat * (flat.log() - (logits / temperature).log_softmax(1))).sum(1)
        expected = temperature**2 * torch.cat([apart[0].ravel(), apart[1, 2:].ravel()]).mean()
        assert float(soft_label_loss(logits, soft, temperature)) == pytest.approx(float(expected), rel=0.02)


def test_a_student_that_agrees_has_nothing_to_learn() -> None:
    logits = torch.tensor([2.0, 0.5, -1.0]).reshape(1, 3, 1, 1).requires_grad_()
    soft = torch.from_numpy(
        probabilities_to_levels(logits.detach().softmax(1)[0].numpy()).transpose(1, 2, 0)[None]
    )
    loss = soft_label_loss(logits, soft, 2.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) < 1e-3
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) < 0.02


def test_images_without_labels_teach_by_soft_labels_alone() -> None:
    hard = torch.nn.CrossEntropyLoss(ignore_index=IGNORE_INDEX, reduction="sum")

    class Hard(torch.nn.Module):
        def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return functional.cross_entropy(logits, labels.long(), ignore_index=IGNORE_INDEX, reduction="sum")

    labels_hw = np.array([[0, 1], [2, 1]], dtype=np.uint8)
    truth = torch.from_numpy(with_one_hot(labels_hw, 3)[None])
    unlabelled = truth.clone()
    unlabelled[..., 0] = IGNORE_INDEX
    logits = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    loss = DistillationLoss(Hard(), soft_share=0.25, temperature=1.0)
    soft = soft_label_loss(logits, truth[..., 1:], 1.0)
    assert float(loss(logits, unlabelled)) == pytest.approx(0.25 * float(soft))
    true = hard(logits, torch.from_numpy(labels_hw[None]).long())
    assert float(loss(logits, truth)) == pytest.approx(float(0.75 * true + 0.25 * soft))
    # Validation has no soft labels, and its loss is the true one.
    assert float(loss(logits, truth[..., 0])) == pytest.approx(float(true))
