"""Networks of segmentation_models_pytorch, with its own or timm's encoders."""

import warnings
from collections.abc import Mapping

import segmentation_models_pytorch as smp
from torch import nn

from seg.errors import SpecError
from seg.spec.base import did_you_mean
from seg.spec.recipe.architectures import SmpArchitecture
from seg.train.networks.encoders import supports_any_size


def create_from_smp(
    architecture: SmpArchitecture,
    encoder: str,
    classes: int,
    weights: str | None,
    options: Mapping[str, object],
) -> nn.Module:
    """Build a network; the encoder's weights are downloaded if they are named.

    `options` are further arguments of the architecture's class in smp.

    Raises whatever smp and timm raise if that fails.
    """
    if weights:
        _check_published_weights(encoder, weights)
    any_size = {"dynamic_img_size": True} if supports_any_size(encoder) else {}
    with warnings.catch_warnings():
        # smp warns that `timm-` names are deprecated; published results use them.
        warnings.simplefilter("ignore")
        network: nn.Module = smp.create_model(
            architecture,
            encoder_name=encoder,
            encoder_weights=weights,
            classes=classes,
            **any_size,
            **options,
        )
    return network


def _check_published_weights(encoder: str, weights: str) -> None:
    if encoder not in smp.encoders.encoders:
        return
    known = smp.encoders.encoders[encoder]["pretrained_settings"]
    if weights not in known:
        raise SpecError(
            f"encoder {encoder!r} has no published weights {weights!r}: {did_you_mean(weights, known)}"
        )
