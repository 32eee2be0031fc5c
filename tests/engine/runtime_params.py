"""Runtimes as parameters of tests: those that need a device are marked."""

from collections.abc import Iterable

import pytest

from seg.spec.ensemble.prediction import RuntimeName

NEED_A_GPU = frozenset({"cuda", "tensorrt"})


def runtime_params(names: Iterable[RuntimeName]) -> list[object]:
    """For `parametrize` and for the `params` of a fixture."""
    return [pytest.param(name, marks=pytest.mark.gpu) if name in NEED_A_GPU else name for name in names]
