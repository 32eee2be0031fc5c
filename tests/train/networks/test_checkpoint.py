"""A checkpoint gives back the network and the card it was made of, or one clear line."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save_file
from torch import nn

from seg.errors import ModelError
from seg.files.atomic import sha256_of
from seg.labels.classes import ClassInfo
from seg.models.card import CARD_KEY, InputCard, ModelCard
from seg.train.networks import build_network
from seg.train.networks.checkpoint import load_checkpoint, read_checkpoint_card, save_checkpoint

CARD = ModelCard(
    name="small",
    architecture="linknet",
    encoder="tu-test_efficientnet",
    classes=tuple(ClassInfo(id=n, name=f"class {n}", colour=(n, n, n)) for n in range(3)),
    unlabelled="ignore",
    input=InputCard(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return build_network(CARD.architecture, CARD.encoder, len(CARD.classes)).eval()


@pytest.fixture
def checkpoint(tmp_path: Path, network: nn.Module) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, network, CARD)
    return path


def test_comes_back_as_it_was(checkpoint: Path, network: nn.Module) -> None:
    loaded, card = load_checkpoint(checkpoint)
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(loaded(image), network(image))
    assert card == CARD == read_checkpoint_card(checkpoint)
    assert not loaded.training


def test_same_weights_and_card_are_the_same_bytes(checkpoint: Path, network: nn.Module) -> None:
    again = checkpoint.with_name("again.safetensors")
    save_checkpoint(again, network.to(memory_format=torch.channels_last), CARD)
    assert sha256_of(again) == sha256_of(checkpoint)


def test_refuses_what_is_no_checkpoint(checkpoint: Path) -> None:
    tensors = load(checkpoint.read_bytes())
    whole = checkpoint.read_bytes()
    newer = CARD.model_copy(update={"card_version": 99}).model_dump_json()

    def refusal(message: str) -> None:
        with pytest.raises(ModelError, match=message) as error:
            load_checkpoint(checkpoint)
        assert str(checkpoint) in str(error.value)
        assert "\n" not in str(error.value)

    checkpoint.write_bytes(whole[: len(whole) // 2])
    refusal("not a complete safetensors file")
    checkpoint.write_bytes(b"")
    refusal("not a complete safetensors file")
    save_file(tensors, checkpoint)
    refusal("has no model card")
    save_file(tensors, checkpoint, metadata={CARD_KEY: "{}"})
    refusal("card_version of its model card")
    save_file(tensors, checkpoint, metadata={CARD_KEY: newer})
    refusal("version 99")
    unknown = CARD.model_copy(update={"encoder": "resnet19"}).model_dump_json()
    save_file(tensors, checkpoint, metadata={CARD_KEY: unknown})
    refusal("the network in its card cannot be built")
    checkpoint.unlink()
    refusal("there is no such checkpoint")


def test_refuses_weights_that_do_not_fit(checkpoint: Path) -> None:
    metadata = {CARD_KEY: CARD.model_dump_json()}
    tensors = load(checkpoint.read_bytes())
    name = sorted(tensors)[0]
    without = {other: tensor for other, tensor in tensors.items() if other != name}

    save_file(without, checkpoint, metadata=metadata)
    with pytest.raises(ModelError, match=f"lacks '{name}'"):
        load_checkpoint(checkpoint)
    save_file({**tensors, "surplus": torch.zeros(1)}, checkpoint, metadata=metadata)
    with pytest.raises(ModelError, match="in addition to the network in its card 'surplus'"):
        load_checkpoint(checkpoint)
    save_file({**without, name: torch.zeros(7, 7)}, checkpoint, metadata=metadata)
    with pytest.raises(ModelError, match=rf"'{name}' has shape \(7, 7\)"):
        load_checkpoint(checkpoint)
