"""Classic networks on VGG16, each in its own file: FCN, SegNet, DeepLab v1.

Shapes: normalised RGB float32 `[N, 3, H, W]`, H and W multiples of 32, to logits `[N, C, H, W]`.
"""

from seg.train.networks.classics.deeplab_v1 import DeepLabV1
from seg.train.networks.classics.fcn import FCN
from seg.train.networks.classics.segnet import SegNet

__all__ = ["FCN", "DeepLabV1", "SegNet"]
