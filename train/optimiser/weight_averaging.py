"""Averages of weights: uniform (SWA, soups) and exponential (EMA)."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def uniform_average(network: nn.Module) -> AveragedModel:
    """The mean of the networks passed to `update_parameters`; buffers are those of the last."""
    mean = AveragedModel(network)
    mean.requires_grad_(False)
    return mean


def exponential_average(network: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average (EMA) of a network: call `update_parameters` after each optimiser step.

    Batch-norm statistics are averaged like weights. The first n updates use the smaller decay
    (1 + n) / (10 + n), so that the random initialisation soon loses its influence.
    Source: Polyak and Juditsky, 1992; the start is that of TensorFlow's ExponentialMovingAverage.
    """

    def follow(average: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        if not average.is_floating_point():
            return current
        count = torch.as_tensor(updates, dtype=average.dtype, device=average.device)
        kept = ((1 + count) / (10 + count)).clamp(max=decay)
        return current.lerp(average, kept)

    averaged = AveragedModel(network, avg_fn=follow, use_buffers=True)
    averaged.requires_grad_(False)
    return averaged
