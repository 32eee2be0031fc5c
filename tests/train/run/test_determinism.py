"""When torch is asked to compute the same bytes twice."""

import pytest
import torch

from seg.train.reproducibility.determinism import deterministic_torch


@pytest.mark.parametrize(
    ("gpu", "asked", "expected"), [(False, False, True), (True, False, False), (True, True, True)]
)
def test_on_cpus_always_and_on_gpus_if_asked(
    gpu: bool, asked: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    before = torch.are_deterministic_algorithms_enabled()
    with deterministic_torch(0, on_gpu=asked):
        assert torch.are_deterministic_algorithms_enabled() == expected
        first = torch.rand(3)
    assert torch.are_deterministic_algorithms_enabled() == before
    with deterministic_torch(0, on_gpu=asked):
        torch.testing.assert_close(torch.rand(3), first, rtol=0, atol=0)
