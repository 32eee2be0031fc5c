"""A wrong stride is refused with the one that is needed, after a few passes over small images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seg.errors import ModelError
from seg.export.sources.declaration import InputDeclaration
from seg.export.sources.source import RawNetwork
from seg.export.sources.stride_trial import refuse_wrong_stride

SIDES: list[tuple[int, int]] = []


def network_of_stride(needed: int, least: int = 1) -> RawNetwork:
    """Fails for images that are no multiples, or too small for it."""

    def run(batch: NDArray[Any]) -> NDArray[Any]:
        _, _, height, width = batch.shape
        SIDES.append((height, width))
        if height % needed or width % needed or min(height, width) < least:
            raise ModelError("the sizes of tensors must match")
        return batch

    return run


@pytest.mark.parametrize("needed", [2, 8, 14, 16, 32, 64, 128, 256])
@pytest.mark.parametrize("stride", [1, 4, 8, 20, 32])
def test_the_needed_stride_is_named(stride: int, needed: int) -> None:
    SIDES.clear()
    if stride % needed == 0:
        refuse_wrong_stride(network_of_stride(needed), InputDeclaration(stride=stride), Path("net.pth"))
        assert len(SIDES) == 1
        return
    with pytest.raises(ModelError, match=rf"net\.pth: .*stride {stride}: .* 'input: {{ stride: {needed} }}'"):
        refuse_wrong_stride(network_of_stride(needed), InputDeclaration(stride=stride), Path("net.pth"))
    assert np.max(SIDES) <= 768


def test_what_is_too_small_or_fails_anyway_is_left_to_what_comes_next() -> None:
    refuse_wrong_stride(network_of_stride(8, least=50), InputDeclaration(stride=8), Path("net.pth"))
    refuse_wrong_stride(network_of_stride(8, least=10**6), InputDeclaration(stride=8), Path("net.pth"))
    refuse_wrong_stride(
        network_of_stride(32), InputDeclaration(mode="resize", size_hw=(70, 70), stride=8), Path("net.pth")
    )
