"""Networks of smp, torchvision and seg are recognised by their weights, in whatever they are wrapped."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from seg.errors import ModelError
from seg.export.sources.open_checkpoint import open_checkpoint
from seg.export.sources.state_dict.network_prefix import tensors_without_prefix
from seg.export.sources.state_dict.open import open_state_dict
from seg.export.sources.state_dict.recognise import RecognisedNetwork, recognise_state_dict
from seg.spec import MemberSpec
from seg.spec.recipe.architectures import TorchvisionArchitecture
from seg.train.networks import build_network
from seg.train.networks.weights.state_dict_file import read_state_dict

CLASSES = 5
Tensors = dict[str, torch.Tensor]

SMP: list[tuple[str, str, dict[str, Any]]] = [
    ("unet", "resnet18", {"encoder_depth": 4, "decoder_channels": (64, 32, 16, 8)}),
    ("unet", "mit_b0", {}),
    (
        "unetplusplus",
        "resnet18",
        {"decoder_attention_type": "scse", "decoder_channels": (64, 32, 32, 32, 16)},
    ),
    ("manet", "mobilenet_v2", {"decoder_pab_channels": 32}),
    ("linknet", "resnet18", {"decoder_use_norm": False}),
    ("fpn", "timm-efficientnet-b0", {"decoder_merge_policy": "cat", "decoder_pyramid_channels": 64}),
    ("pspnet", "resnet18", {"psp_out_channels": 128}),
    ("pan", "resnet18", {"decoder_channels": 16}),
    ("deeplabv3", "resnet18", {"decoder_channels": 64}),
    ("deeplabv3plus", "resnet18", {"decoder_aspp_separable": False}),
    ("upernet", "resnet18", {"decoder_channels": 64}),
    ("segformer", "resnet18", {"decoder_segmentation_channels": 64}),
]


def found(path: Path, **hints: Any) -> RecognisedNetwork:
    return recognise_state_dict(path, tensors_without_prefix(path, read_state_dict(path)), **hints)


def network_of_smp(architecture: str, encoder: str, **options: Any) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network: nn.Module = smp.create_model(
            architecture, encoder, encoder_weights=None, classes=CLASSES, **options
        )
    return randomised(network)


def randomised(network: nn.Module) -> nn.Module:
    """Weights of which none is as it was built, so that only a loaded network computes the same."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.fill_(1.5)
        elif tensor.is_floating_point():
            tensor.add_(0.02 * torch.randn(tensor.shape, generator=generator))
    return network.eval()


def images() -> torch.Tensor:
    return torch.rand((1, 3, 128, 160), generator=torch.Generator().manual_seed(1))


@pytest.mark.slow
@pytest.mark.parametrize(("architecture", "encoder", "options"), SMP)
def test_a_network_of_smp_computes_the_same(
    architecture: str, encoder: str, options: dict[str, Any], tmp_path: Path
) -> None:
    network = network_of_smp(architecture, encoder, **options)
    torch.save(
        {"epoch": 3, "net": {f"module.{n}": t for n, t in network.state_dict().items()}}, tmp_path / "w.pt"
    )
    recognised = found(tmp_path / "w.pt")
    assert (recognised.candidate.architecture, recognised.candidate.encoder) == (architecture, encoder)
    assert recognised.candidate.classes == CLASSES
    with torch.no_grad():
        assert torch.equal(recognised.network(images()), network(images()))


def test_a_vision_transformer_is_recognised_with_its_encoder_named(tmp_path: Path) -> None:
    network = network_of_smp(
        "dpt",
        "tu-vit_tiny_patch16_224",
        dynamic_img_size=True,
        decoder_intermediate_channels=(32, 32, 64, 64),
        decoder_fusion_channels=32,
    )
    torch.save(network.state_dict(), tmp_path / "w.pt")
    recognised = found(tmp_path / "w.pt", architecture="dpt", encoder="tu-vit_tiny_patch16_224")
    with torch.no_grad():
        assert torch.equal(recognised.network(images()), network(images()))


@pytest.mark.slow
@pytest.mark.parametrize("architecture", get_args(TorchvisionArchitecture))
def test_a_network_of_torchvision_computes_the_same(architecture: str, tmp_path: Path) -> None:
    network = randomised(
        models.get_model(
            architecture, weights=None, weights_backbone=None, num_classes=CLASSES, aux_loss=None
        )
    )
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    recognised = found(tmp_path / "w.safetensors")
    assert recognised.candidate.architecture == architecture
    with torch.no_grad():
        assert torch.equal(recognised.network(images()), network(images())["out"])


@pytest.mark.parametrize(("architecture", "encoder"), [("segnet", "vgg16_bn"), ("deeplabv1", "vgg16")])
def test_a_classic_is_recognised(architecture: str, encoder: str, tmp_path: Path) -> None:
    network = build_network(architecture, encoder, CLASSES)
    torch.save(network.state_dict(), tmp_path / "w.pt")
    recognised = found(tmp_path / "w.pt")
    assert str(recognised.candidate) == f"{architecture} with {encoder}"


@pytest.fixture(scope="module")
def unet() -> Tensors:
    return network_of_smp("unet", "resnet18").state_dict()


def prefixed(prefix: str) -> Callable[[Tensors], object]:
    return lambda state: {prefix + name: tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    "wrap",
    [
        prefixed("module."),
        prefixed("_orig_mod.module."),
        prefixed("model._orig_mod."),
        prefixed("anything.at.all."),
        lambda state: {
            f"_fsdp_wrapped_module.{n}".replace("decoder.", "decoder._fsdp_wrapped_module."): t
            for n, t in state.items()
        },
        lambda state: {
            "pytorch-lightning_version": "2.5",
            "state_dict": prefixed("net.")(state),
            "optimizer_states": [{}],
        },
        lambda state: {"checkpoint": {"model_state_dict": state}},
        lambda state: {"state_dict": {**prefixed("model.")(state), "criterion.weight": torch.ones(5)}},  # type: ignore[dict-item]
    ],
)
def test_what_a_network_is_wrapped_in_does_not_matter(
    wrap: Callable[[Tensors], object], unet: Tensors, tmp_path: Path
) -> None:
    torch.save(wrap(unet), tmp_path / "w.ckpt")
    state = found(tmp_path / "w.ckpt").network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in unet.items())


@pytest.mark.parametrize("inside", [True, False])
def test_a_moving_average_is_preferred_and_that_is_said(inside: bool, unet: Tensors, tmp_path: Path) -> None:
    average = {name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in unet.items()}
    average |= {name: tensor.abs() for name, tensor in average.items() if name.endswith("running_var")}
    both = (
        {"state_dict": {**prefixed("model.")(unet), **prefixed("ema.module.")(average)}}  # type: ignore[dict-item]
        if inside
        else {"state_dict": unet, "state_dict_ema": average}
    )
    torch.save(both, tmp_path / "w.pth")
    recognised = found(tmp_path / "w.pth")
    assert torch.equal(
        recognised.network.state_dict()["segmentation_head.0.bias"], average["segmentation_head.0.bias"]
    )
    assert any("takes the moving average" in note for note in recognised.notes)


def test_the_classification_head_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    network = smp.Unet("resnet18", encoder_weights=None, classes=CLASSES, aux_params={"classes": 2})
    torch.save(network.state_dict(), tmp_path / "w.pth")
    assert "leaves out its auxiliary head, which is only for training" in found(tmp_path / "w.pth").notes


def test_what_weights_do_not_show_is_said(tmp_path: Path) -> None:
    network = smp.DeepLabV3Plus("resnet18", encoder_weights=None, classes=CLASSES)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    assert any("encoder_output_stride 16" in note for note in found(tmp_path / "w.pth").notes)


def test_what_weights_do_not_show_can_be_set(tmp_path: Path) -> None:
    network = network_of_smp("deeplabv3plus", "resnet18", encoder_output_stride=8)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    declared = {"name": "m", "checkpoint": str(tmp_path / "w.pth"), "options": {"encoder_output_stride": 8}}
    source = open_checkpoint(tmp_path / "w.pth", MemberSpec.model_validate(declared))
    with torch.no_grad():
        assert torch.equal(source.module(images()), network(images()))
        assert not torch.equal(found(tmp_path / "w.pth").network(images()), network(images()))


def without(state: Tensors, name: str) -> Tensors:
    return {other: tensor for other, tensor in state.items() if other != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: (
                without(state, "decoder.blocks.0.conv1.0.weight")
                | {"decoder.blocks.0.conv1.conv.weight": torch.ones(1)}
            ),
            r"nearest unet with resnet18: it lacks 'decoder.blocks.0.conv1.0.weight' \(nearest:"
            r" 'decoder.blocks.0.conv1.conv.weight'\), has 'decoder.blocks.0.conv1.conv.weight' in addition",
        ),
        (
            lambda state: {**state, "encoder.layer5.weight": torch.ones(2)},
            r"nearest unet with resnet18: it has 'encoder.layer5.weight' in addition; unet with resnet34:",
        ),
        (
            lambda state: {**state, "encoder.conv1.weight": torch.ones(64, 4, 7, 7)},
            r"'encoder.conv1.weight' has shape \[64, 4, 7, 7\] instead of \[64, 3, 7, 7\]",
        ),
        (
            lambda state: {**prefixed("student.")(state), **prefixed("teacher.")(state)},  # type: ignore[dict-item]
            r"holds 2 networks \('student', 'teacher'\)",
        ),
        (
            lambda state: {"layers.0.weight": torch.ones(2)},
            r"its names \('layers.0.weight', ...\) are of no network",
        ),
        (lambda state: {"epoch": 3}, "contains no state dict"),
        (
            lambda state: {**state, "segmentation_head.0.bias": torch.full((CLASSES,), float("nan"))},
            r"'segmentation_head.0.bias' is not finite",
        ),
        (lambda state: {**state, "encoder.x": torch.ones(2).to_sparse()}, "in addition"),
    ],
)
def test_other_weights_are_refused_with_what_differs(
    change: Callable[[Tensors], object], message: str, unet: Tensors, tmp_path: Path
) -> None:
    torch.save(change(unet), tmp_path / "w.pth")
    with pytest.raises(ModelError, match=message) as caught:
        found(tmp_path / "w.pth")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "w.pth"))


def test_its_encoder_says_how_it_was_trained_to_be_fed(unet: Tensors, tmp_path: Path) -> None:
    torch.save(unet, tmp_path / "w.pth")
    facts = open_state_dict(tmp_path / "w.pth").facts
    assert (facts.mean, facts.std, facts.scale) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 1 / 255)
    assert (facts.kind, facts.count) == ("logits", CLASSES)
