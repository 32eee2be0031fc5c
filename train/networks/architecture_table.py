"""The documentation page of supported architectures: each with an encoder of every family.

python -m seg.train.networks.architecture_table > docs/reference/architectures.md
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, get_args

from seg.spec.recipe.architectures import OWN_ENCODERS, SmpArchitecture
from seg.train.networks.combinations import blank_network, problem_of_combination
from seg.train.networks.cost import cost_of_network

FAMILIES: Final = (
    "resnet18",
    "se_resnet50",
    "timm-regnetx_002",
    "dpn68",
    "vgg11_bn",
    "densenet121",
    "xception",
    "inceptionv4",
    "mobilenet_v2",
    "mobileone_s0",
    "efficientnet-b0",
    "timm-tf_efficientnet_lite0",
    "mit_b0",
    "tu-convnext_atto",
    "tu-hrnet_w18_small",
    "tu-swin_tiny_patch4_window7_224",
    "tu-vit_tiny_patch16_224",
)
"""A small encoder of each family."""

SIZE: Final = (256, 256)

_INTRODUCTION: Final = """\
# Architectures and encoders

Every decoder of segmentation_models.pytorch works with every encoder of that library, and of timm as
`tu-NAME`, except for what is refused before training starts. Two numbers are the network's size: millions of
parameters, and GFLOPs of one {height}x{width} image forward with two classes (a multiply-add is two). A
letter is a reason below. The page is written by `python -m seg.train.networks.architecture_table`, and a test
compares it with the code.
"""
_OWN: Final = """\
## Networks with an encoder of their own

torchvision's, and the first of the field, from their papers: `train/networks/classics/`.
"""


def architectures_page(encoders: Sequence[str] = FAMILIES) -> str:
    """The page in Markdown, with a row for each of the encoders."""
    height, width = SIZE
    reasons: dict[str, str] = {}
    rows = [
        [f"`{encoder}`", *_cells_of_architectures(get_args(SmpArchitecture), encoder, reasons)]
        for encoder in encoders
    ]
    own = [
        [f"`{architecture}`", f"`{encoder}`", *_cells_of_architectures([architecture], encoder, reasons)]
        for architecture, encoders in OWN_ENCODERS.items()
        for encoder in encoders
    ]
    parts = [
        _INTRODUCTION.format(height=height, width=width),
        _markdown_table(["", *get_args(SmpArchitecture)], rows),
        "\n".join(f"- **{letter}**: {reason}." for reason, letter in reasons.items()) + "\n",
        _OWN,
        _markdown_table(["architecture", "encoder", "M parameters / GFLOPs"], own),
    ]
    return "\n".join(parts)


def _cells_of_architectures(
    architectures: Sequence[str], encoder: str, reasons: dict[str, str]
) -> Iterator[str]:
    for architecture in architectures:
        reason = problem_of_combination(architecture, encoder, SIZE, None)
        if reason is None:
            cost = cost_of_network(blank_network(architecture, encoder), SIZE)
            yield f"{cost.parameters / 1e6:.1f} / {cost.gflops:.1f}"
        else:
            yield reasons.setdefault(reason, chr(ord("a") + len(reasons)))


def _markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(architectures_page())
