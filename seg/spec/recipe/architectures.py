"""The names of architectures, and which of them have an encoder of their own."""

from collections.abc import Mapping
from typing import Final, Literal

SmpArchitecture = Literal[
    "unet",
    "unetplusplus",
    "manet",
    "linknet",
    "fpn",
    "pspnet",
    "pan",
    "deeplabv3",
    "deeplabv3plus",
    "upernet",
    "segformer",
    "dpt",
]
"""Decoders of segmentation_models.pytorch, over any encoder of its own or of timm."""

TorchvisionArchitecture = Literal[
    "fcn_resnet50",
    "fcn_resnet101",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "lraspp_mobilenet_v3_large",
]
"""Whole networks of torchvision."""

ClassicArchitecture = Literal["fcn32s", "fcn16s", "fcn8s", "segnet", "deeplabv1"]
"""Networks of `seg.train.networks.classics`, on VGG16."""

Architecture = Literal[SmpArchitecture, TorchvisionArchitecture, ClassicArchitecture]

OWN_ENCODERS: Final[Mapping[Architecture, tuple[str, ...]]] = {
    "fcn_resnet50": ("resnet50",),
    "fcn_resnet101": ("resnet101",),
    "deeplabv3_resnet50": ("resnet50",),
    "deeplabv3_resnet101": ("resnet101",),
    "lraspp_mobilenet_v3_large": ("mobilenet_v3_large",),
    "fcn32s": ("vgg16", "vgg16_bn"),
    "fcn16s": ("vgg16", "vgg16_bn"),
    "fcn8s": ("vgg16", "vgg16_bn"),
    "segnet": ("vgg16_bn",),
    "deeplabv1": ("vgg16", "vgg16_bn"),
}
"""The encoders of architectures that go with no other; the first is the default."""
