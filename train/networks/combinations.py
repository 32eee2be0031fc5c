"""Supported combinations of architecture, encoder and size, found by trying them on torch's meta device.

On the meta device tensors have shapes but no values, so that building and running a network is fast.
"""

import textwrap
import warnings
from collections.abc import Iterator
from typing import Final, get_args

import torch
from torch import nn

from seg.errors import SpecError
from seg.spec.recipe.architectures import SmpArchitecture
from seg.train.networks.blank import build_blank
from seg.train.networks.build import STRIDE, create_network
from seg.train.networks.encoders import check_architecture, native_image_size

SizeHW = tuple[int, int]

_DILATING: Final = ("deeplabv3", "deeplabv3plus", "pan")
_NEAREST: Final[dict[str, tuple[SmpArchitecture, ...]]] = {
    "deeplabv3": ("pspnet",),
    "deeplabv3plus": ("fpn",),
    "pan": ("fpn",),
    "linknet": ("unet",),
    "unetplusplus": ("unet",),
    "dpt": ("upernet",),
}
_COMMON_ENCODERS: Final = ("resnet34", "tu-vit_small_patch16_224")
_LARGER: Final = (2, 4, 8)
_LONGEST_REASON: Final = 100
_IMAGES: Final = 2
_CLASSES: Final = 2


def check_combination(
    architecture: str, encoder: str, crop: SizeHW = (256, 256), size: SizeHW | None = None
) -> None:
    """Raise SpecError if a network cannot be built, or cannot run at the sizes that it will get.

    Args:
        architecture: a name of `seg.spec.recipe.architectures.Architecture`.
        encoder: a name of smp, or of timm as `tu-NAME`, or one of the architecture's own.
        crop: height and width of training crops.
        size: height and width that every image is resized to; None if images keep their size.

    Raises:
        SpecError: the message has the reason, and the nearest combination that works.
    """
    check_architecture(architecture, encoder)
    problem = problem_of_combination(architecture, encoder, crop, size)
    if problem:
        advice = _suggest_combination(architecture, encoder, crop, size)
        raise SpecError(f"{architecture} does not work with encoder {encoder!r}: {problem}: {advice}")


def problem_of_combination(architecture: str, encoder: str, crop: SizeHW, size: SizeHW | None) -> str | None:
    """Why the network cannot be built or run, or None if it can."""
    try:
        network = blank_network(architecture, encoder)
    except Exception as error:
        return _reason_network_not_built(architecture, error)
    for height, width in _network_sizes_to_try(crop, size):
        try:
            _forward_blank(network, (height, width))
        except Exception as error:
            return f"it cannot run at {height}x{width} ({_first_line_of_network_error(error)})"
    return None


def _suggest_combination(architecture: str, encoder: str, crop: SizeHW, size: SizeHW | None) -> str:
    own = native_image_size(encoder)
    if size != own and own and problem_of_combination(architecture, encoder, crop, own) is None:
        return f"the encoder takes one size only: set 'input: {{mode: resize, size: {own[0]}}}' in its recipe"
    for height, width in ((factor * crop[0], factor * crop[1]) for factor in _LARGER):
        if size is None and problem_of_combination(architecture, encoder, (height, width), size) is None:
            return f"a crop of {height}x{width} works"
    others = (*_NEAREST.get(architecture, ()), *get_args(SmpArchitecture))
    found = [
        *_first_that_works([(other, encoder) for other in others], crop, size),
        *_first_that_works([(architecture, e) for e in (f"tu-{encoder}", *_COMMON_ENCODERS)], crop, size),
    ]
    return "try " + ", or ".join(f"{a} with {e}" for a, e in found)


def _first_that_works(
    pairs: list[tuple[str, str]], crop: SizeHW, size: SizeHW | None
) -> Iterator[tuple[str, str]]:
    working = (pair for pair in pairs if problem_of_combination(*pair, crop, size) is None)
    first = next(working, None)
    if first:
        yield first


def blank_network(architecture: str, encoder: str) -> nn.Module:
    """Build a network with two classes on torch's meta device.

    Raises whatever the library raises if it cannot be built.
    """
    return build_blank(lambda: create_network(architecture, encoder, _CLASSES, None))


def _network_sizes_to_try(crop: SizeHW, size: SizeHW | None) -> list[SizeHW]:
    """The sizes to try: the fixed input size, or the padded crop and another size."""
    if size:
        return [size]
    rows, columns = (-(-side // STRIDE) for side in crop)
    return [(rows * STRIDE, columns * STRIDE), ((rows + 1) * STRIDE, (columns + 2) * STRIDE)]


def _forward_blank(network: nn.Module, size_hw: SizeHW) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        logits = network(torch.empty(_IMAGES, 3, *size_hw, device="meta"))
    if logits.shape != (_IMAGES, _CLASSES, *size_hw):
        raise ValueError(f"logits of shape {tuple(logits.shape)}")


def _reason_network_not_built(architecture: str, error: Exception) -> str:
    text = _first_line_of_network_error(error)
    if "downsampling pattern" in text:
        return "the encoder has no features at the strides 4, 8, 16 and 32"
    if architecture in _DILATING:
        return "the encoder cannot be dilated"
    if "Only Timm encoders" in text:
        return "it takes only timm's encoders ('tu-NAME')"
    if "not support" in text:
        return "the encoder has no features at stride 2"
    return text


def _first_line_of_network_error(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0]
    return textwrap.shorten(first, _LONGEST_REASON) or type(error).__name__
