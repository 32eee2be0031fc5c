"""Blank networks: built on torch's meta device, where tensors have shapes but no values, which is fast."""

from collections.abc import Callable

import torch
from torch import nn


def build_blank(create: Callable[[], nn.Module]) -> nn.Module:
    """What `create` builds, on the meta device; raises whatever it raises if it cannot be built."""
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return create()
        except RuntimeError:
            # Some encoders need tensor values while they are built.
            return create().to("meta")
