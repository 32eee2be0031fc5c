"""`benchmarks.gpu.steps.train`: which part of a training counts."""

from types import SimpleNamespace

import pytest

from benchmarks.gpu.steps import train
from benchmarks.gpu.steps.train import EpochTimer


def test_epochs_after_the_first_count_and_validation_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lightning calls a module: a validation to see whether it can, then epochs, each validated."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(train, "_now_on_device", lambda: clock.now)

    class Module:
        """With the hooks that every module has."""

        def on_train_epoch_start(self) -> str:
            return "its own"

        def on_validation_start(self) -> None: ...

    timer = EpochTimer(Module)
    module = Module()
    module.on_validation_start()
    for seconds in (100.0, 3.0, 5.0):
        assert module.on_train_epoch_start() == "its own"
        clock.now += seconds
        module.on_validation_start()
        clock.now += 1000
    assert timer.seconds_after_the_first() == 4.0
