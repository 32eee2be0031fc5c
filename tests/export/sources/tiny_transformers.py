"""Small random networks of every family of transformers that is known, as folders."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch

CLASSES: Final = 4
SIDE: Final = 64

_STAGES: Final = ["stage1", "stage2", "stage3", "stage4"]


def _swin() -> Any:
    from transformers import SwinConfig

    return SwinConfig(
        image_size=SIDE,
        depths=[1] * 4,
        embed_dim=8,
        num_heads=[1, 1, 2, 2],
        window_size=2,
        out_features=_STAGES,
    )


def _segformer() -> Any:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config = SegformerConfig(
        depths=[1] * 4,
        hidden_sizes=[8, 16, 24, 32],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
        id2label={0: "sky", 1: "road", 2: "car", 3: "tree"},
    )
    return SegformerForSemanticSegmentation(config)


def _upernet() -> Any:
    from transformers import ConvNextConfig, UperNetConfig, UperNetForSemanticSegmentation

    backbone = ConvNextConfig(depths=[1] * 4, hidden_sizes=[8, 16, 24, 32], out_features=_STAGES)
    config = UperNetConfig(
        backbone_config=backbone,
        hidden_size=16,
        auxiliary_channels=8,
        auxiliary_in_channels=24,
        num_labels=CLASSES,
    )
    return UperNetForSemanticSegmentation(config)


_TRANSFORMER: Final[Mapping[str, Any]] = {
    "image_size": SIDE,
    "patch_size": 16,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "num_labels": CLASSES,
}


def _dpt() -> Any:
    from transformers import DPTConfig, DPTForSemanticSegmentation

    config = DPTConfig(
        **_TRANSFORMER,
        backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=16,
    )
    return DPTForSemanticSegmentation(config)


def _beit() -> Any:
    from transformers import BeitConfig, BeitForSemanticSegmentation

    return BeitForSemanticSegmentation(
        BeitConfig(
            **_TRANSFORMER, out_indices=[1, 2, 3, 4], auxiliary_channels=8, use_relative_position_bias=True
        )
    )


def _data2vec() -> Any:
    from transformers import Data2VecVisionConfig, Data2VecVisionForSemanticSegmentation

    return Data2VecVisionForSemanticSegmentation(
        Data2VecVisionConfig(**_TRANSFORMER, out_indices=[1, 2, 3, 4], auxiliary_channels=8)
    )


def _mobilevit() -> Any:
    from transformers import MobileViTConfig, MobileViTForSemanticSegmentation

    config = MobileViTConfig(
        image_size=SIDE,
        hidden_sizes=[16, 24, 32],
        neck_hidden_sizes=[8, 8, 16, 16, 24, 24, 32],
        num_labels=CLASSES,
        aspp_out_channels=16,
    )
    return MobileViTForSemanticSegmentation(config)


def _mobilenet_v2() -> Any:
    from transformers import MobileNetV2Config, MobileNetV2ForSemanticSegmentation

    return MobileNetV2ForSemanticSegmentation(
        MobileNetV2Config(image_size=SIDE, depth_multiplier=0.25, num_labels=CLASSES)
    )


def _maskformer() -> Any:
    from transformers import DetrConfig, MaskFormerConfig, MaskFormerForInstanceSegmentation

    decoder = DetrConfig(
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_queries=6,
    )
    config = MaskFormerConfig(
        backbone_config=_swin(),
        decoder_config=decoder,
        fpn_feature_size=32,
        mask_feature_size=32,
        num_labels=CLASSES,
    )
    return MaskFormerForInstanceSegmentation(config)


def _mask2former() -> Any:
    from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation

    config = Mask2FormerConfig(
        backbone_config=_swin(),
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        num_queries=6,
        encoder_feedforward_dim=16,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        dim_feedforward=16,
        num_labels=CLASSES,
    )
    return Mask2FormerForUniversalSegmentation(config)


def _eomt() -> Any:
    from transformers import EomtConfig, EomtForUniversalSegmentation

    config = EomtConfig(
        image_size=SIDE,
        patch_size=16,
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        num_blocks=1,
        num_queries=6,
        num_upscale_blocks=1,
        num_labels=CLASSES,
    )
    return EomtForUniversalSegmentation(config)


def _oneformer() -> Any:
    from transformers import OneFormerConfig, OneFormerForUniversalSegmentation

    config = OneFormerConfig(
        backbone_config=_swin(),
        conv_dim=32,
        mask_dim=32,
        hidden_dim=32,
        encoder_feedforward_dim=16,
        encoder_layers=1,
        decoder_layers=3,
        query_dec_layers=1,
        num_attention_heads=2,
        dim_feedforward=16,
        num_queries=6,
        num_labels=CLASSES,
        task_seq_len=7,
        text_encoder_width=32,
        text_encoder_num_layers=1,
        text_encoder_vocab_size=60,
        text_encoder_context_length=7,
        is_training=False,
    )
    return OneFormerForUniversalSegmentation(config)


FAMILIES: Final[Mapping[str, tuple[Callable[[], Any], str, dict[str, Any]]]] = {
    "segformer": (_segformer, "SegformerImageProcessor", {"do_reduce_labels": True}),
    "upernet": (_upernet, "SegformerImageProcessor", {}),
    "dpt": (_dpt, "DPTImageProcessor", {}),
    "beit": (_beit, "BeitImageProcessor", {}),
    "data2vec-vision": (_data2vec, "BeitImageProcessor", {}),
    "mobilevit": (_mobilevit, "MobileViTImageProcessor", {"crop_size": {"height": SIDE, "width": SIDE}}),
    "mobilenet_v2": (_mobilenet_v2, "MobileNetV2ImageProcessor", {"do_center_crop": False}),
    "maskformer": (_maskformer, "MaskFormerImageProcessor", {}),
    "mask2former": (_mask2former, "Mask2FormerImageProcessor", {}),
    "oneformer": (_oneformer, "MaskFormerImageProcessor", {}),
    "eomt": (_eomt, "EomtImageProcessor", {"size": {"shortest_edge": SIDE, "longest_edge": SIDE}}),
}
"""For each family what makes its network, and the name and settings of its image processor."""


def write_folder(family: str, folder: Path) -> Path:
    """Write a random network of that family with its image processor, and return the folder."""
    import transformers

    make, processor, settings = FAMILIES[family]
    torch.manual_seed(0)
    make().save_pretrained(folder)
    settings = {"size": {"height": SIDE, "width": SIDE}, **settings}
    getattr(transformers, processor)(**settings).save_pretrained(folder)
    if family == "oneformer":
        _tokenizer().save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"<pad>": 0, "the": 1, "task": 2, "is": 3, "semantic": 4, "<unk>": 5}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")
