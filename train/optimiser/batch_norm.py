"""Statistics of batch normalisation for weights that no step of training led to."""

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from seg.train.batches.loaders import Loaders
from seg.train.reproducibility.seeds import derive_seed


def refit_batch_norm(network: nn.Module, loaders: Loaders, seed: int, epoch: int) -> None:
    """Find them by a pass over the training batches of an epoch; each batch counts alike.

    Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018,
    section 3.2.
    """
    torch.manual_seed(derive_seed(seed, epoch))
    loaders.set_epoch(epoch)
    update_bn(loaders.train, network, next(network.parameters()).device)
