"""What is said at the start of training on a GPU, as long as it is experimental."""

import pytest

from seg.train import trainer


def test_training_on_a_gpu_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(trainer, "notice", warned.append)
    trainer._warn_of_gpu(1)
    (line,) = warned
    assert line.startswith("training on a GPU: experimental")
    trainer._warn_of_gpu(2)
    assert warned[-1].startswith("--devices on GPUs: experimental")
