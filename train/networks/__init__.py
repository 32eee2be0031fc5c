"""Networks: architectures and encoders by name, their weights, and checkpoints.

A network maps normalised RGB, float32 `[N, 3, H, W]` with H and W multiples of `STRIDE`, to logits,
float32 `[N, C, H, W]`. It has no softmax of its own.
"""

from seg.train.networks.build import STRIDE, build_network
from seg.train.networks.combinations import check_combination
from seg.train.networks.encoders import encoder_preprocessing

__all__ = ["STRIDE", "build_network", "check_combination", "encoder_preprocessing"]
