"""The declared stride of a network, tried on small images before the export, which may take minutes."""

from pathlib import Path
from typing import Final

import numpy as np

from seg.errors import ModelError
from seg.export.sources.declaration import InputDeclaration
from seg.export.sources.source import RawNetwork

_TRIED: Final = (2, 4, 8, 14, 16, 28, 32, 64, 128, 256)
"""Powers of two, and the patches of vision transformers."""

_LEAST_SIDE: Final = 64
"""Smaller images fail for other reasons, such as the kernels of deep layers."""

_CHANNELS: Final = {"grey": 1, "rgb": 3, "bgr": 3}


def refuse_wrong_stride(network: RawNetwork, fed: InputDeclaration, path: Path) -> None:
    """Raise ModelError with the stride that a network needs, if it does not run at the declared one."""
    if fed.mode != "pad" or _runs_at(network, fed, fed.stride):
        return
    if needed := next((stride for stride in _TRIED if _runs_at(network, fed, stride)), None):
        height, width = _odd_multiples(fed.stride)
        raise ModelError(
            f"{path}: cannot run images of {height}x{width}, multiples of its stride {fed.stride}: it needs"
            f" multiples of {needed}: set 'input: {{ stride: {needed} }}'"
        )


def _runs_at(network: RawNetwork, fed: InputDeclaration, stride: int) -> bool:
    size_hw, channels = _odd_multiples(stride), _CHANNELS[fed.channels]
    shape = (1, channels, *size_hw) if fed.layout == "nchw" else (1, *size_hw, channels)
    try:
        network(np.zeros(shape, fed.dtype))
    except ModelError:
        return False
    return True


def _odd_multiples(stride: int) -> tuple[int, int]:
    """The sides of an image that no network accepts which needs a multiple of this stride."""
    times = -(-_LEAST_SIDE // stride) | 1
    return times * stride, (times + 2) * stride
