"""Networks by name: smp's decoders over smp's and timm's encoders.

A network maps normalised RGB, float32 `[N, 3, H, W]` with H and W multiples of its stride, to logits,
float32 `[N, C, H, W]`. It has no softmax of its own.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import segmentation_models_pytorch as smp
import timm
from torch import nn

from seg.errors import SpecError
from seg.spec.base import did_you_mean
from seg.train.pretrained import is_local_file, load_encoder

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
_HALF: Final = (0.5, 0.5, 0.5)
_CENTRED_ENCODERS: Final = ("inception", "xception")
_SMALLEST_STRIDE: Final = 32

RGB = tuple[float, float, float]


def build_network(
    architecture: str, encoder: str, classes: int, encoder_weights: str | None = None
) -> nn.Module:
    """Build a network, with random weights or with a pretrained encoder.

    Args:
        architecture: a name of `seg.spec.recipe.Architecture`.
        encoder: a name of smp, or of timm as `tu-NAME`.
        classes: how many channels the logits have.
        encoder_weights: a local safetensors or pth file, a name that smp or timm knows, or None.

    Raises:
        SpecError: there is no such encoder, or it does not go with the architecture.
        ModelError: the local file does not fit the encoder.
    """
    check_encoder(encoder)
    named = None if is_local_file(encoder_weights) else encoder_weights
    with warnings.catch_warnings():
        # smp announces that `timm-` names will go; they are the names of published results.
        warnings.simplefilter("ignore")
        try:
            network: nn.Module = smp.create_model(
                architecture, encoder_name=encoder, encoder_weights=named, classes=classes
            )
        except (ValueError, NotImplementedError, TypeError, AttributeError) as error:
            reason = str(error).splitlines()[0]
            raise SpecError(f"{architecture} does not go with encoder {encoder!r}: {reason}") from error
        except OSError as error:
            raise SpecError(
                f"encoder weights {encoder_weights!r} of {encoder!r} cannot be fetched:"
                " name a local file, or none, where there is no internet"
            ) from error
    if encoder_weights and named is None:
        load_encoder(network.get_submodule("encoder"), Path(encoder_weights))
    return network


def check_encoder(encoder: str) -> None:
    """Raise SpecError, with the nearest name, if neither smp nor timm knows the encoder."""
    if encoder.startswith("tu-"):
        name = encoder.removeprefix("tu-").split(".")[0]
        if not timm.is_model(name):
            near = did_you_mean(name, timm.list_models())
            raise SpecError(f"timm has no encoder {name!r}: {near}")
        return
    known = smp.encoders.encoders
    if encoder not in known and not _has_timm_twin(encoder):
        raise SpecError(f"there is no encoder {encoder!r}: {did_you_mean(encoder, known)}")


def encoder_preprocessing(encoder: str) -> tuple[RGB, RGB]:
    """Mean and standard deviation of RGB in 0..1 that the encoder's published weights expect."""
    name = encoder.removeprefix("tu-").removeprefix("timm-").split(".")[0]
    if encoder.startswith(("tu-", "timm-")) and timm.is_model(name):
        config = timm.get_pretrained_cfg(name)
        if config is not None:
            return _rgb(config.mean), _rgb(config.std)
    if encoder.startswith(_CENTRED_ENCODERS):
        return _HALF, _HALF
    return IMAGENET_MEAN, IMAGENET_STD


def _rgb(values: Sequence[float]) -> RGB:
    red, green, blue = values
    return red, green, blue


def network_stride(network: nn.Module) -> int:
    """What height and width of a network's input must be multiples of."""
    stride = getattr(getattr(network, "encoder", None), "output_stride", _SMALLEST_STRIDE)
    return max(_SMALLEST_STRIDE, int(stride))


def _has_timm_twin(encoder: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return encoder.startswith("timm-") and timm.is_model(encoder.removeprefix("timm-"))
