"""Options of smp's decoders, read from the names and shapes of their weights."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from seg.spec.recipe.architectures import SmpArchitecture

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Options = dict[str, Any]

HEAD: Final = "segmentation_head."
CLASSIFICATION_HEAD: Final = "classification_head."

_SIGNS: Final[Mapping[SmpArchitecture, str]] = {
    "unetplusplus": "decoder.blocks.x_0_0.",
    "manet": "decoder.blocks.0.hl_conv.",
    "linknet": "decoder.blocks.0.block.",
    "unet": "decoder.blocks.0.conv1.",
    "fpn": "decoder.seg_blocks.",
    "upernet": "decoder.fpn_lateral_blocks.",
    "pspnet": "decoder.psp.",
    "pan": "decoder.fpa.",
    "deeplabv3plus": "decoder.aspp.0.convs.",
    "deeplabv3": "decoder.aspp.convs.",
    "segformer": "decoder.mlp_stage.",
    "dpt": "decoder.reassemble_blocks.",
}
"""A part of names that only one decoder has, of those further below."""

INVISIBLE: Final[Mapping[SmpArchitecture, str]] = {
    "deeplabv3": "encoder_output_stride 8, decoder_atrous_rates 12, 24, 36",
    "deeplabv3plus": "encoder_output_stride 16, decoder_atrous_rates 12, 24, 36",
    "pan": "encoder_output_stride 16",
}
"""Options that change the output and no weights, with smp's defaults."""


def smp_architecture(names: Iterable[str]) -> SmpArchitecture | None:
    """The decoder that has such names; None if none of smp's has."""
    joined = "\n".join(names)
    return next((architecture for architecture, sign in _SIGNS.items() if sign in joined), None)


def head_classes(shapes: Shapes) -> int | None:
    """The number of channels that smp's segmentation head gives; None if there is no such head."""
    last = max((n for n in shapes if n.startswith(HEAD) and len(shapes[n]) == 4), default=None)
    return shapes[last][0] if last else None


def smp_options_of_shapes(architecture: SmpArchitecture, shapes: Shapes) -> Options:
    """Arguments of the architecture's class, beside encoder, depth and classes.

    Raises KeyError if a weight that every such decoder has is missing.
    """
    own = {name: shape for name, shape in shapes.items() if name.startswith("decoder.")}
    match architecture:
        case "unet" | "unetplusplus" | "manet":
            options = _options_of_unet(architecture, own)
        case "linknet":
            options = {"decoder_use_norm": _smp_norm(own)}
        case "fpn":
            options = _options_of_fpn(shapes)
        case "pspnet":
            options = {
                "psp_out_channels": own["decoder.conv.0.weight"][0],
                "decoder_use_norm": _smp_norm(
                    {n: s for n, s in own.items() if n.startswith("decoder.conv.")}
                ),
            }
        case "pan":
            options = {"decoder_channels": own["decoder.gau1.conv2.conv.weight"][0]}
        case "deeplabv3" | "deeplabv3plus":
            aspp = "decoder.aspp" if architecture == "deeplabv3" else "decoder.aspp.0"
            options = {
                "decoder_channels": own[f"{aspp}.project.0.weight"][0],
                "decoder_aspp_separable": f"{aspp}.convs.1.0.0.weight" in own,
            }
        case "upernet":
            norms = {n: s for n, s in own.items() if n.startswith("decoder.fusion_block.")}
            options = {
                "decoder_channels": own["decoder.fusion_block.0.weight"][0],
                "decoder_use_norm": _smp_norm(norms),
            }
        case "segformer":
            options = {"decoder_segmentation_channels": own["decoder.fuse_stage.0.weight"][0]}
        case "dpt":
            options = {
                "decoder_intermediate_channels": [
                    own[f"decoder.reassemble_blocks.{block}.project_to_out_channel.weight"][0]
                    for block in range(_count_smp_modules(own, "decoder.reassemble_blocks"))
                ],
                "decoder_fusion_channels": own["decoder.fusion_blocks.0.project.weight"][0],
                "decoder_readout": "cat" if "decoder.projection_blocks.0.project.0.weight" in own else "add",
            }
    return options


def encoder_depths(architecture: SmpArchitecture, shapes: Shapes) -> tuple[int, ...]:
    """The depths that the encoder may have, the most usual first."""
    counted = {
        "unet": "decoder.blocks",
        "manet": "decoder.blocks",
        "linknet": "decoder.blocks",
        "dpt": "decoder.reassemble_blocks",
    }
    if architecture in counted:
        return (_count_smp_modules(shapes, counted[architecture]),)
    if architecture == "segformer":
        # Encoders without features at stride 2 have one stage fewer.
        stages = _count_smp_modules(shapes, "decoder.mlp_stage")
        return (stages, stages + 1)
    if architecture == "unetplusplus":
        return (len(_matches_in_names(shapes, r"decoder\.blocks\.x_0_(\d+)\.")),)
    return (3, 5, 4) if architecture == "pspnet" else (5, 4, 3)


def _options_of_unet(architecture: SmpArchitecture, shapes: Shapes) -> Options:
    blocks = "decoder.blocks.x_0_{}" if architecture == "unetplusplus" else "decoder.blocks.{}"
    depth = encoder_depths(architecture, shapes)[0]
    options: Options = {
        "decoder_channels": [shapes[blocks.format(block) + ".conv2.0.weight"][0] for block in range(depth)],
        "decoder_use_norm": _smp_norm(shapes),
    }
    if architecture == "manet":
        options["decoder_pab_channels"] = shapes["decoder.center.top_conv.weight"][0]
    elif any(".attention1.attention." in name for name in shapes):
        options["decoder_attention_type"] = "scse"
    return options


def _options_of_fpn(shapes: Shapes) -> Options:
    channels = shapes["decoder.seg_blocks.0.block.0.block.0.weight"][0]
    is_concatenated = shapes["segmentation_head.0.weight"][1] != channels
    return {
        "decoder_pyramid_channels": shapes["decoder.p5.weight"][0],
        "decoder_segmentation_channels": channels,
        "decoder_merge_policy": "cat" if is_concatenated else "add",
    }


def _smp_norm(shapes: Shapes) -> str | bool:
    return "batchnorm" if any(name.endswith(".running_mean") for name in shapes) else False


def _count_smp_modules(shapes: Shapes, modules: str) -> int:
    return len(_matches_in_names(shapes, re.escape(modules) + r"\.(\d+)\."))


def _matches_in_names(shapes: Shapes, pattern: str) -> set[str]:
    return {match[1] for name in shapes if (match := re.match(pattern, name))}
