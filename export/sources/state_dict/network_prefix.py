"""Where in a state dict a segmentation network is: the prefix of its names, such as `model.module.`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from seg.errors import ModelError
from seg.train.networks.weights.state_dict_file import StateDict, is_averaged_state_dict

_ENCODERS: Final = frozenset({"encoder", "backbone"})
_HEADS: Final = frozenset({"segmentation_head", "decoder", "classifier", "score", "head"})
_SHOWN: Final = 3


def tensors_without_prefix(path: Path, state_dict: StateDict) -> StateDict:
    """The tensors of the one segmentation network in a state dict, under the network's own names.

    A moving average is preferred. What else is there, such as the weights of a loss, is left out and noted.

    Raises:
        ModelError: there is no network with an encoder and a head, or there are several.
    """
    prefixes = _network_prefixes(state_dict.tensors)
    averages = [prefix for prefix in prefixes if is_averaged_state_dict(prefix)]
    chosen = averages or prefixes
    if not chosen:
        first = ", ".join(repr(name) for name in sorted(state_dict.tensors)[:_SHOWN])
        raise ModelError(
            f"{path}: its names ({first}, ...) are of no network of smp, torchvision or seg: export its"
            " module from Python: seg.export.export_module"
        )
    if len(chosen) > 1:
        names = ", ".join(repr(prefix.rstrip(".")) for prefix in chosen)
        raise ModelError(f"{path}: holds {len(chosen)} networks ({names}): save the state_dict() of one")
    own = {
        name.removeprefix(chosen[0]): tensor
        for name, tensor in state_dict.tensors.items()
        if name.startswith(chosen[0])
    }
    return StateDict(own, (*state_dict.notes, *_prefix_notes(chosen[0], prefixes, state_dict.tensors)))


def _network_prefixes(names: Iterable[str]) -> list[str]:
    """The prefixes below which there are an encoder and a head, the shortest first."""
    parts_below: dict[str, set[str]] = {}
    for name in names:
        parts = name.split(".")
        for depth, part in enumerate(parts):
            if part in _ENCODERS | _HEADS:
                prefix = "".join(f"{outer}." for outer in parts[:depth])
                parts_below.setdefault(prefix, set()).add(part)
                break
    found = (prefix for prefix, parts in parts_below.items() if parts & _ENCODERS and parts & _HEADS)
    return sorted(found, key=lambda prefix: (len(prefix), prefix))


def _prefix_notes(chosen: str, prefixes: list[str], tensors: Mapping[str, Any]) -> list[str]:
    notes = []
    others = [prefix for prefix in prefixes if prefix != chosen]
    if others:
        names = ", ".join(repr(prefix.rstrip(".") or "the network itself") for prefix in others)
        notes.append(f"takes the moving average {chosen.rstrip('.')!r}, not {names}")
    unused = [
        name
        for name in tensors
        if not name.startswith(chosen) and not any(other and name.startswith(other) for other in others)
    ]
    if chosen and not others and unused:
        more = f" and {len(unused) - 1} more" if len(unused) > 1 else ""
        notes.append(f"leaves out {unused[0]!r}{more}, which is not of the network")
    return notes
