"""Build a network from the names of its architecture and encoder, with random or pretrained weights."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Final, cast, get_args

from torch import nn

from seg.errors import SegError, SpecError
from seg.spec.recipe.architectures import ClassicArchitecture, SmpArchitecture, TorchvisionArchitecture
from seg.train.networks.classics import FCN, DeepLabV1, SegNet
from seg.train.networks.encoders import check_architecture
from seg.train.networks.from_smp import create_from_smp
from seg.train.networks.from_torchvision import create_from_torchvision, published_weights
from seg.train.networks.input_channels import set_input_channels
from seg.train.networks.weights.download import allow_download
from seg.train.networks.weights.pretrained import is_weights_file, load_encoder_file, load_encoder_weights

NO_OPTIONS: Final[Mapping[str, object]] = {}

STRIDE: Final = 32
"""Height and width of every network's input must be multiples of this."""


def build_network(
    architecture: str, encoder: str, classes: int, encoder_weights: str | None = None, channels: int = 3
) -> nn.Module:
    """Build a network, with random weights or with a pretrained encoder.

    Args:
        architecture: a name of `seg.spec.recipe.architectures.Architecture`.
        encoder: a name of smp, or of timm as `tu-NAME`, or one of the architecture's own.
        classes: how many channels the logits have.
        encoder_weights: a local safetensors or pth file, a name such as `imagenet`, or None.
        channels: how many the images have; the encoder's first convolution is adapted to them.

    Raises:
        SpecError: there is no such encoder, or it does not work with the architecture.
        ModelError: the local file does not fit the encoder.
    """
    check_architecture(architecture, encoder)
    named = None if is_weights_file(encoder_weights) else encoder_weights
    try:
        with allow_download() if named else nullcontext():
            network = create_network(architecture, encoder, classes, named)
    except SegError:
        raise
    except OSError as error:
        raise SpecError(
            f"encoder weights {encoder_weights!r} of {encoder!r} cannot be downloaded: without internet, name"
            f" a file with its state_dict(), such as {encoder}.safetensors (or .pth, .pt, .bin), or none"
        ) from error
    except Exception as error:
        # smp, timm and torchvision raise all kinds of exceptions for unsupported combinations.
        raise SpecError(f"{architecture} does not work with encoder {encoder!r}: {error!r}") from error
    set_input_channels(network, channels, keep_weights=named is not None)
    if encoder_weights and named is None:
        load_encoder_file(network.get_submodule("encoder"), Path(encoder_weights))
    return network


def create_network(
    architecture: str,
    encoder: str,
    classes: int,
    weights: str | None,
    options: Mapping[str, object] = NO_OPTIONS,
) -> nn.Module:
    """Build a network, its encoder with published weights if `weights` names some.

    `options` are further arguments of an architecture of smp.

    Raises whatever the library raises if that fails.
    """
    if architecture in get_args(SmpArchitecture):
        return create_from_smp(cast(SmpArchitecture, architecture), encoder, classes, weights, options)
    if architecture in get_args(TorchvisionArchitecture):
        network: nn.Module = create_from_torchvision(cast(TorchvisionArchitecture, architecture), classes)
    else:
        network = _create_classic(cast(ClassicArchitecture, architecture), encoder, classes)
    if weights:
        load_encoder_weights(network.get_submodule("encoder"), published_weights(encoder, weights), weights)
    return network


def _create_classic(architecture: ClassicArchitecture, encoder: str, classes: int) -> nn.Module:
    batch_norm = encoder.endswith("_bn")
    match architecture:
        case "fcn32s":
            return FCN(classes, 32, batch_norm=batch_norm)
        case "fcn16s":
            return FCN(classes, 16, batch_norm=batch_norm)
        case "fcn8s":
            return FCN(classes, 8, batch_norm=batch_norm)
        case "segnet":
            return SegNet(classes)
        case "deeplabv1":
            return DeepLabV1(classes, batch_norm=batch_norm)
