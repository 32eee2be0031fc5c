"""Encoders of smp and timm, by the names and shapes of their weights.

Encoders are searched family by family, first the one whose first encoder has the most names in common,
numbers aside.
"""

import re
import warnings
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Final

import segmentation_models_pytorch as smp
import timm
from segmentation_models_pytorch.encoders.timm_vit import TimmViTEncoder
from torch import nn

from seg.export.sources.state_dict.differences import Shapes, weight_differences
from seg.train.networks.blank import build_blank

_OF_TIMM: Final = "model."
_FAMILIES_TO_TRY: Final = 3
_NEAREST: Final = 3

_USUAL_DEPTH: Final = 4

Family = tuple[str, ...]
BuildEncoder = Callable[[str, int], nn.Module]
"""Builds an encoder from its name and depth."""


def weight_shapes_of(network: nn.Module) -> Shapes:
    """The shape of each weight and buffer, by name."""
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def matching_encoders(given: Shapes, build: BuildEncoder, depth: int) -> tuple[str, ...]:
    """The encoders whose weights have exactly these names and shapes; those of timm as `tu-NAME`."""
    for family in _ranked_families(given, build)[:_FAMILIES_TO_TRY]:
        found = tuple(name for name in family if not _encoder_distance(given, build, name, depth))
        if found:
            return found
    return ()


def nearest_encoders(given: Shapes, build: BuildEncoder, depth: int) -> tuple[str, ...]:
    """The three encoders whose weights differ least from these."""
    family = _ranked_families(given, build)[0]
    return tuple(sorted(family, key=lambda name: _encoder_distance(given, build, name, depth))[:_NEAREST])


def build_encoder(name: str, depth: int) -> nn.Module:
    """An encoder as most of smp's architectures have it."""
    encoder: nn.Module = smp.encoders.get_encoder(name, depth=depth, weights=None)
    return encoder


def build_vit_encoder(name: str, depth: int) -> nn.Module:
    """An encoder as smp's DPT has it, whose features all come from blocks of one stride."""
    encoder: nn.Module = TimmViTEncoder(name.removeprefix("tu-"), pretrained=False, depth=depth)
    return encoder


def _encoder_distance(given: Shapes, build: BuildEncoder, name: str, depth: int) -> int:
    """The number of weights that differ; the number of all weights if there is no such encoder."""
    wanted = _encoder_shapes(build, name, depth)
    return len(weight_differences(given, wanted)) if wanted else len(given)


@cache
def _encoder_shapes(build: BuildEncoder, name: str, depth: int) -> Shapes:
    """The shapes of an encoder's weights; none if it cannot be built with this depth."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return weight_shapes_of(build_blank(partial(build, name, depth)))
        except Exception:  # smp and timm raise all kinds of exceptions for unsupported encoders
            return {}


def _ranked_families(given: Shapes, build: BuildEncoder) -> Sequence[Family]:
    is_of_timm = all(name.startswith(_OF_TIMM) for name in given)
    families = _timm_families() if is_of_timm else _smp_families()
    names = _weight_name_without_numbers(given)

    def in_common(family: Family) -> float:
        others = _weight_name_without_numbers(_encoder_shapes(build, family[0], _USUAL_DEPTH))
        return len(names & others) / len(names | others)

    return sorted(families, key=in_common, reverse=True)


@cache
def _smp_families() -> tuple[Family, ...]:
    """smp's own encoders, by their class."""
    families: dict[type, list[str]] = {}
    for name, entry in smp.encoders.encoders.items():
        families.setdefault(entry["encoder"], []).append(name)
    return tuple(map(tuple, families.values()))


@cache
def _timm_families() -> tuple[Family, ...]:
    """timm's encoders, by the module that defines them."""
    by_module = (timm.list_models(module=module) for module in timm.list_modules())
    return tuple(tuple(f"tu-{name}" for name in names) for names in by_module if names)


def _weight_name_without_numbers(names: Shapes) -> set[str]:
    return {re.sub(r"\d+", "#", name) for name in names}
