"""The cost of a network: parameters and GFLOPs, counted on torch's meta device."""

import copy
import warnings
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from seg.train.networks.build import STRIDE


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """Parameters, and GFLOPs of one image's forward pass; a multiply-add counts as two."""

    parameters: int
    gflops: float


def cost_of_network(network: nn.Module, size_hw: tuple[int, int], channels: int = 3) -> NetworkCost:
    """Count parameters and operations for an image of that size and so many channels."""
    blank = copy.deepcopy(network).to("meta").eval()
    counter = FlopCounterMode(display=False)
    with warnings.catch_warnings(), torch.no_grad(), counter:
        warnings.simplefilter("ignore")
        blank(torch.empty(1, channels, *size_hw, device="meta"))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return NetworkCost(parameters, counter.get_total_flops() / 1e9)


def padded_size(size_hw: tuple[int, int]) -> tuple[int, int]:
    """The size of images after padding to multiples of `STRIDE`."""
    height, width = (-(-side // STRIDE) * STRIDE for side in size_hw)
    return height, width
