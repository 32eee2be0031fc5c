"""Pretrained encoders from a local file."""

from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from seg.errors import ModelError

_LOCAL_SUFFIXES: Final = frozenset({".safetensors", ".pth", ".pt", ".bin"})


def is_local_file(encoder_weights: str | None) -> bool:
    """Whether a recipe's `encoder_weights` is a file rather than a name."""
    return encoder_weights is not None and Path(encoder_weights).suffix in _LOCAL_SUFFIXES


def load_encoder(encoder: nn.Module, path: Path) -> None:
    """Load a state dict into an encoder; what the encoder does not have (a classifier) is left.

    Raises:
        ModelError: the file cannot be read, or lacks or misshapes a parameter of the encoder.
    """
    given = _read(path)
    wanted = encoder.state_dict()
    prefix = _prefix_of(given, wanted)
    found = {name: given[prefix + name] for name in wanted if prefix + name in given}
    missing = [name for name in wanted if name not in found]
    misshapen = [n for n, value in found.items() if value.shape != wanted[n].shape]
    if missing:
        raise ModelError(f"{path}: lacks {missing[0]!r} and {len(missing) - 1} more of the encoder")
    if misshapen:
        name = misshapen[0]
        raise ModelError(
            f"{path}: {name!r} has shape {tuple(found[name].shape)}, the encoder's is"
            f" {tuple(wanted[name].shape)}: these weights belong to another encoder"
        )
    encoder.load_state_dict(found)


def _prefix_of(given: dict[str, Tensor], wanted: dict[str, Tensor]) -> str:
    """timm's encoders inside smp keep their network under `model.`, and files may, too."""
    first = next(iter(wanted))
    candidates = ("", "encoder.", "model.", "module.")
    return next((prefix for prefix in candidates if prefix + first in given), "")


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such file of encoder weights") from error
    except (SafetensorError, RuntimeError, OSError, ValueError, EOFError) as error:
        raise ModelError(f"{path}: cannot be read as weights: {error}".split("\n")[0]) from error
    for key in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict):
        raise ModelError(f"{path}: holds no state dict")
    return loaded
