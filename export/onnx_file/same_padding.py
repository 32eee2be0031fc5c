"""TensorFlow's 'SAME' padding as constants, where every size is a multiple of the stride.

timm computes the padding of such a layer from the size of its input: max((ceil(size / stride) - 1) * stride +
(kernel - 1) * dilation + 1 - size, 0). With free sizes, export spends minutes on these formulas. Where
`stride` divides `size`, as in a network whose input is padded to multiples of its own stride, the formula is
the constant (kernel - 1) * dilation + 1 - stride.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

import torch
from timm.layers import padding as timm_padding
from torch import Tensor, nn

_FUNCTION: Final = "get_same_padding"

_Padding = Callable[[int, int, int, int], int]


@contextlib.contextmanager
def constant_same_padding(module: nn.Module, example: Tensor) -> Iterator[None]:
    """Within it, timm's 'SAME' layers pad by constants, if `stride` divides `size` in all of them.

    Args:
        module: in evaluation mode; it runs once if it has such layers.
        example: an input of the module. Its sides are odd multiples of what every image's sides are padded
            to, so that a stride that divides a size here divides it for every image.
    """
    if _has_same_padding(module) and _strides_divide_sizes(module, example):
        with _padding_of_timm(_constant_padding):
            yield
    else:
        yield


def _has_same_padding(module: nn.Module) -> bool:
    return any(
        type(layer).__module__.startswith("timm.layers") and type(layer).__name__.endswith("Same")
        for layer in module.modules()
    )


def _strides_divide_sizes(module: nn.Module, example: Tensor) -> bool:
    remainders: list[int] = []
    padding: _Padding = timm_padding.get_same_padding

    def record_remainder(size: int, kernel_size: int, stride: int, dilation: int) -> int:
        remainders.append(size % stride)
        return padding(size, kernel_size, stride, dilation)

    with _padding_of_timm(record_remainder), torch.no_grad():
        module(example)
    return not any(remainders)


def _constant_padding(size: int, kernel_size: int, stride: int, dilation: int) -> int:
    return max((kernel_size - 1) * dilation + 1 - stride, 0)


@contextlib.contextmanager
def _padding_of_timm(padding: _Padding) -> Iterator[None]:
    """Replace the one function with which all of timm's 'SAME' layers compute their padding."""
    original = getattr(timm_padding, _FUNCTION)
    setattr(timm_padding, _FUNCTION, padding)
    try:
        yield
    finally:
        setattr(timm_padding, _FUNCTION, original)
