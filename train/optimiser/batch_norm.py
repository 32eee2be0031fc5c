"""Recompute the statistics of batch normalisation, for averaged weights."""

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from seg.train.batches.loaders import Loaders
from seg.train.reproducibility.seeds import derive_seed


def refit_batch_norm(network: nn.Module, loaders: Loaders, seed: int, epoch: int) -> None:
    """Recompute the statistics by a pass over the training batches of an epoch, all with equal weight.

    Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018,
    section 3.2.
    """
    torch.manual_seed(derive_seed(seed, epoch))
    loaders.set_epoch(epoch)
    update_bn(loaders.train, network, next(network.parameters()).device)
