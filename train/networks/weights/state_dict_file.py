"""State dicts from files of any origin: read without running anything, found in what they are wrapped in."""

import argparse
import collections
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PosixPath, WindowsPath
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from seg.errors import ModelError
from seg.files.atomic import regular_file

SUFFIXES: Final = frozenset({".safetensors", ".pth", ".pt", ".bin", ".ckpt"})

_HARMLESS: Final = (argparse.Namespace, PosixPath, WindowsPath, collections.defaultdict)
"""Types of hyperparameters that hold values and run nothing when they are read."""

_USUAL_NAMES: Final = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights")
_NOT_WEIGHTS: Final = re.compile(r"optim|sched|scaler|amp|callback|loop|rng|metric|criterion|loss")
_AVERAGE: Final = re.compile(r"(^|[._])(ema|swa|averaged?)([._]|$)", re.IGNORECASE)
_DEEPEST: Final = 3
_WRAPPERS: Final = re.compile(
    r"(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|_fpw_module|_forward_module)\."
)

Place = tuple[str, ...]
"""The keys that lead to a dict inside others."""


@dataclass(frozen=True, slots=True)
class StateDict:
    """The tensors of a file by name, and a line for the user on each choice that was made."""

    tensors: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def read_state_dict(path: Path) -> StateDict:
    """Read the state dict of a file, out of the dicts that trainers keep it in.

    A moving average of the weights is preferred to the weights themselves. The names lose the parts that
    `torch.compile`, FSDP and activation checkpoints put into them.

    Raises:
        ModelError: the file cannot be read, contains more than tensors, or has no state dict.
    """
    found = dict(_state_dicts(_load_weights_file(path)))
    if not found:
        raise ModelError(f"{path}: contains no state dict")
    place = min(found, key=lambda one: _preference_of_state_dict(one, found[one]))
    tensors = {_WRAPPERS.sub("", name): tensor for name, tensor in found[place].items()}
    return StateDict(tensors, _notes_on_state_dict(place, found))


def is_averaged_state_dict(name: str) -> bool:
    """Whether a name is that of a moving average of weights, such as `ema_model`."""
    return _AVERAGE.search(name) is not None


def _load_weights_file(path: Path) -> Any:
    if path.suffix == ".onnx":
        raise ModelError(f"{path}: is an ONNX file, not a checkpoint: name it with 'onnx'")
    try:
        if path.suffix == ".safetensors":
            return load_file(regular_file(path))
        with warnings.catch_warnings(), safe_globals(list(_HARMLESS)):
            warnings.simplefilter("ignore")
            return torch.load(regular_file(path), map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such file of weights") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except SafetensorError as error:
        raise ModelError(f"{path}: is not a complete safetensors file ({error}): copy it again") from error
    except Exception as error:
        # A damaged or hostile pickle can raise anything, and torch's message advises to execute it.
        raise ModelError(
            f"{path}: contains more than tensors, or is damaged{_unknown_type(path)}: save the state_dict()"
            " of its network as safetensors"
        ) from error


def _unknown_type(path: Path) -> str:
    """The first type that is not tensors or plain values, found without reading any; empty if unknown."""
    try:
        names = sorted(get_unsafe_globals_in_checkpoint(path))
    except Exception:  # as above
        return ""
    return f" (it holds {''.join(filter(str.isprintable, names[0]))[:80]})" if names else ""


def _state_dicts(
    loaded: Any, place: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Each dict that holds tensors, with the keys that lead to it."""
    if not isinstance(loaded, Mapping) or len(place) > _DEEPEST:
        return
    named = {name: value for name, value in loaded.items() if isinstance(name, str)}
    if any(isinstance(value, Tensor) for value in named.values()):
        yield place, named
        return
    for name, value in named.items():
        if not _NOT_WEIGHTS.search(name.lower()):
            yield from _state_dicts(value, (*place, name))


def _preference_of_state_dict(place: Place, tensors: Mapping[str, Any]) -> tuple[bool, int, int]:
    """Sorts averages before others, usual names before others, and many tensors before few."""
    name = place[-1] if place else ""
    rank = _USUAL_NAMES.index(name) if name in _USUAL_NAMES else len(_USUAL_NAMES)
    return not is_averaged_state_dict(".".join(place)), rank, -len(tensors)


def _notes_on_state_dict(place: Place, found: Mapping[Place, Any]) -> tuple[str, ...]:
    others = [".".join(one) for one in found if one != place]
    if not others:
        return ()
    kind = "the moving average " if is_averaged_state_dict(".".join(place)) else ""
    return (f"takes {kind}{'.'.join(place)!r}, not {', '.join(map(repr, others))}",)
