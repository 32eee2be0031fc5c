"""Pretrained encoder weights from a local file or a state dict."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from seg.errors import ModelError
from seg.train.networks.input_channels import RGB_CHANNELS, adapt_channels
from seg.train.networks.weights.check import check_weight_tensor
from seg.train.networks.weights.state_dict_file import read_state_dict

_LOCAL_SUFFIXES: Final = frozenset({".safetensors", ".pth", ".pt", ".bin"})
_WRAPPERS: Final = re.compile(r"^((module|encoder|model|backbone|features)\.)+")
_FLATTENED: Final = re.compile(r"_(?=\d+\.)")
_OPTIONAL: Final = "num_batches_tracked"


def is_weights_file(encoder_weights: str | None) -> bool:
    """Whether a recipe's `encoder_weights` is a local file rather than the name of published weights."""
    return encoder_weights is not None and Path(encoder_weights).suffix in _LOCAL_SUFFIXES


def load_encoder_file(encoder: nn.Module, path: Path) -> None:
    """Load a state dict from a file into an encoder; entries that it lacks (a classifier) are ignored.

    Raises:
        ModelError: the file cannot be read, or lacks or misshapes a parameter of the encoder.
    """
    load_encoder_weights(encoder, read_state_dict(path).tensors, path)


def load_encoder_weights(encoder: nn.Module, given: Mapping[str, Tensor], source: object) -> None:
    """Load the tensors whose names match the encoder's, ignoring prefixes such as `module.` on either side.

    The weight of a fully connected layer is reshaped to that of the equivalent convolution, and that of a
    first convolution on RGB is adapted to the encoder's channels.

    Raises:
        ModelError: a parameter of the encoder is missing, has another shape, or is not finite.
    """
    by_name = {_canonical_name(name): tensor for name, tensor in given.items() if isinstance(name, str)}
    wanted = encoder.state_dict()
    missing = [
        name for name in wanted if _canonical_name(name) not in by_name and not name.endswith(_OPTIONAL)
    ]
    if missing:
        raise ModelError(f"{source}: lacks {missing[0]!r} and {len(missing) - 1} more of the encoder")
    fitting = {
        name: check_weight_tensor(
            source, name, _fit_encoder_tensor(by_name[_canonical_name(name)], tensor.shape), tensor
        )
        for name, tensor in wanted.items()
        if _canonical_name(name) in by_name
    }
    encoder.load_state_dict(wanted | fitting)


def _canonical_name(name: str) -> str:
    """A parameter's name without prefixes of wrapping modules, and with timm's flattened names undone."""
    return _FLATTENED.sub(".", _WRAPPERS.sub("", name))


def _fit_encoder_tensor(tensor: Any, shape: torch.Size) -> Any:
    return _encoder_tensor_with_channels(_as_convolution(tensor, shape), shape)


def _encoder_tensor_with_channels(tensor: Any, shape: torch.Size) -> Any:
    is_on_rgb = (
        isinstance(tensor, Tensor)
        and tensor.ndim == len(shape) == 4
        and tensor.shape[1] == RGB_CHANNELS != shape[1]
        and (tensor.shape[0], *tensor.shape[2:]) == (shape[0], *shape[2:])
    )
    return adapt_channels(tensor, shape[1]) if is_on_rgb else tensor


def _as_convolution(tensor: Any, shape: torch.Size) -> Any:
    is_flattened = (
        isinstance(tensor, Tensor)
        and tensor.layout == torch.strided
        and tensor.ndim == 2
        and len(shape) == 4
        and tensor.numel() == shape.numel()
    )
    return tensor.reshape(shape) if is_flattened else tensor
