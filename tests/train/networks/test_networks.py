"""Every architecture: what it goes with, that it learns, and the classics against torchvision."""

import re
from pathlib import Path
from typing import get_args

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from seg.errors import SpecError
from seg.spec.recipe.architectures import OWN_ENCODERS, Architecture, SmpArchitecture
from seg.train.networks import build_network, check_combination
from seg.train.networks.architecture_table import FAMILIES, architectures_page
from seg.train.networks.classics import FCN, DeepLabV1, SegNet
from seg.train.networks.weights.pretrained import load_encoder_weights

DOCS = Path(__file__).parents[3] / "docs"
SMALL_ENCODERS = {"dpt": "tu-vit_tiny_patch16_224"}
CLASSES = 3
SIZE = (128, 160)


@pytest.mark.slow
def test_the_docs_say_what_goes_with_what() -> None:
    """For every fourth encoder, which give all reasons for a refusal, and all networks with their own."""
    documented = table_rows((DOCS / "reference/architectures.md").read_text(encoding="utf-8"))
    assert {row[0] for row in documented} >= {f"`{encoder}`" for encoder in FAMILIES}
    assert table_rows(architectures_page(FAMILIES[::4])) <= documented


def table_rows(page: str) -> set[tuple[str, ...]]:
    """The cells of each row, with reasons in the place of their letters."""
    reasons = dict(re.findall(r"^- \*\*(\w)\*\*: (.*)\.$", page, re.MULTILINE))
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    return {tuple(reasons.get(cell, cell) for cell in row) for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_every_architecture_takes_a_step(architecture: Architecture) -> None:
    own = OWN_ENCODERS.get(architecture)
    encoder = own[0] if own else SMALL_ENCODERS.get(architecture, "mobilenet_v2")
    torch.manual_seed(0)
    network = build_network(architecture, encoder, CLASSES).train()
    logits = network(torch.rand(2, 3, *SIZE))
    assert logits.shape == (2, CLASSES, *SIZE)
    torch.autograd.backward(functional.cross_entropy(logits, torch.randint(CLASSES, (2, *SIZE))))
    gradients = {name: p.grad for name, p in network.named_parameters()}
    # Some decoders leave an encoder's last features alone.
    unreached = [name for name, gradient in gradients.items() if gradient is None]
    assert all(name.startswith("encoder.") for name in unreached)
    assert any(g is not None and name.startswith("encoder.") for name, g in gradients.items())
    assert all(bool(torch.isfinite(g).all()) for g in gradients.values() if g is not None)


@pytest.mark.parametrize(
    ("architecture", "encoder", "nearest"),
    [
        ("deeplabv3plus", "densenet121", "fpn with densenet121"),
        ("deeplabv3plus", "xception", "fpn with xception"),
        ("unetplusplus", "mit_b0", "unet with mit_b0"),
        ("dpt", "resnet18", "upernet with resnet18"),
    ],
)
def test_what_cannot_work_is_refused_with_the_nearest_that_can(
    architecture: str, encoder: str, nearest: str
) -> None:
    with pytest.raises(SpecError, match=f"does not work with encoder '{encoder}'.*try {nearest}"):
        check_combination(architecture, encoder)
    nearest_architecture, nearest_encoder = nearest.split(" with ")
    check_combination(nearest_architecture, nearest_encoder)


def test_every_decoder_goes_over_a_plain_resnet_but_the_one_for_transformers() -> None:
    for architecture in set(get_args(SmpArchitecture)) - {"dpt"}:
        check_combination(architecture, "resnet34", SIZE)


@pytest.fixture(scope="module")
def vgg() -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = torchvision.models.vgg16_bn(weights=None).eval()
    return network


def test_fcn_computes_what_vgg_computes(vgg: nn.Module) -> None:
    """Where the whole kernel lies on the image, convolution is the fully connected layer."""
    network = FCN(CLASSES, 32, batch_norm=True).eval()
    load_encoder_weights(network.encoder, vgg.state_dict(), "vgg16_bn")
    image = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        hidden, *_ = network.encoder(image)
        features = vgg.get_submodule("features")(image)
        expected = nn.Sequential(*list(vgg.get_submodule("classifier").children())[:5])(features.flatten(1))
    torch.testing.assert_close(hidden[:, :, 3, 3], expected)


def test_skips_start_as_bilinear_interpolation_and_change_nothing_else() -> None:
    torch.manual_seed(0)
    skip = FCN(CLASSES, 16, batch_norm=False).skips[0]
    coarse = torch.randn(1, CLASSES, 4, 6)
    with torch.no_grad():
        finer = skip(coarse, torch.randn(1, 512, 8, 12))
    expected = functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    inner = (..., slice(1, -1), slice(1, -1))
    bias = skip.get_parameter("score.bias")[:, None, None]
    torch.testing.assert_close(finer[inner], expected[inner] + bias)


def test_segnet_puts_each_maximum_back_where_it_was(vgg: nn.Module) -> None:
    network = SegNet(CLASSES).eval()
    load_encoder_weights(network.encoder, vgg.state_dict(), "vgg16_bn")
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        features, indices = network.encoder(image)
        expected = vgg.get_submodule("features")(image)
        opened = network.unpool(features, indices[-1])
    torch.testing.assert_close(features, expected)
    torch.testing.assert_close(functional.max_pool2d(opened.clamp(min=0), 2), features)
    assert int((opened != 0).sum()) == int((features != 0).sum())


def test_deeplab_dilates_instead_of_pooling(vgg: nn.Module) -> None:
    """The field of view of its first layer behind the encoder is 12 at stride 8 to each side, and no more."""
    network = DeepLabV1(CLASSES, batch_norm=True).eval()
    load_encoder_weights(network.encoder, vgg.state_dict(), "vgg16_bn")
    features = network.encoder(torch.randn(1, 3, 64, 96)).detach().requires_grad_()
    assert features.shape == (1, 512, 8, 12)
    wide = torch.zeros(1, 512, 33, 33).requires_grad_()
    torch.autograd.backward(network.decoder.get_submodule("0")(wide)[0, :, 16, 16].sum())
    assert _touched(wide) == {4, 16, 28}


def _touched(tensor: Tensor) -> set[int]:
    assert tensor.grad is not None
    rows = tensor.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    return set(rows.tolist())
