"""Weights that cannot be a network's: one line with the file, the parameter and what is wrong with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save_file
from torch import Tensor, nn

from seg.errors import ModelError
from seg.labels.classes import ClassInfo
from seg.models.card import CARD_KEY, InputCard, ModelCard
from seg.train.networks import build_network
from seg.train.networks.checkpoint import load_checkpoint, save_checkpoint
from seg.train.networks.weights.pretrained import load_encoder_file

CARD = ModelCard(
    name="small",
    architecture="linknet",
    encoder="tu-test_efficientnet",
    classes=tuple(ClassInfo(id=n, name=f"class {n}", colour=(n, n, n)) for n in range(3)),
    unlabelled="ignore",
    input=InputCard(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
)


def with_value(value: float) -> Callable[[Tensor], Tensor]:
    def change(tensor: Tensor) -> Tensor:
        changed = tensor.clone()
        changed.view(-1)[-1] = value
        return changed

    return change


STORED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "nan": (with_value(float("nan")), "is not finite"),
    "infinite": (with_value(float("inf")), "is not finite"),
    "complex": (lambda tensor: tensor.to(torch.complex64), "is of torch.complex64"),
    "integers": (lambda tensor: tensor.to(torch.int32), "is of torch.int32"),
    "another shape": (lambda tensor: tensor.flatten(), "has shape"),
}
PICKLED: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    **STORED,
    "sparse": (lambda tensor: tensor.flatten(1).to_sparse(), "sparse"),
    "meta": (lambda tensor: tensor.to("meta"), "has no values"),
    "a string": (lambda _: "weights", "is not a tensor but of type str"),
    "a list": (lambda tensor: tensor.tolist(), "is not a tensor but of type list"),
    "nothing": (lambda _: None, "is not a tensor but of type NoneType"),
}


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return build_network(CARD.architecture, CARD.encoder, len(CARD.classes)).eval()


def first_kernel(names: dict[str, Any]) -> str:
    return next(name for name, tensor in names.items() if tensor.ndim == 4)


@pytest.mark.parametrize("case", STORED)
def test_checkpoints(case: str, network: nn.Module, tmp_path: Path) -> None:
    change, message = STORED[case]
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, network, CARD)
    tensors = load(path.read_bytes())
    name = first_kernel(tensors)
    save_file(
        tensors | {name: change(tensors[name]).contiguous()},
        path,
        metadata={CARD_KEY: CARD.model_dump_json()},
    )
    with pytest.raises(ModelError, match=rf"m\.safetensors: '{name}' {message}") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", PICKLED)
def test_encoders_from_elsewhere(case: str, network: nn.Module, tmp_path: Path) -> None:
    change, message = PICKLED[case]
    tensors = dict(network.get_submodule("encoder").state_dict())
    name = first_kernel(tensors)
    torch.save(tensors | {name: change(tensors[name]), 7: 8}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match=rf"w\.pth: '{name}' .*{message}") as caught:
        load_encoder_file(network.get_submodule("encoder"), tmp_path / "w.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"PK\x03\x04", b"\x80\x02.", b"\x80\x02}q\x00.", b"text", b"\x80"]
)
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".safetensors"])
def test_short_files(content: bytes, suffix: str, network: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"w\{suffix}: ") as caught:
        load_encoder_file(network.get_submodule("encoder"), path)
    assert "\n" not in str(caught.value)
    assert not {"weights_only", "trust", "pickle"} & set(str(caught.value).lower().split())


def test_damage_is_read_or_refused_and_nothing_else(network: nn.Module, tmp_path: Path) -> None:
    """Bytes of a state dict changed, inserted and cut off, mostly in its pickle; seeded."""
    path = tmp_path / "w.pth"
    torch.save({"weight": torch.ones(2, 2), "bias": torch.ones(2)}, path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        raw = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            start = int(rng.integers(0, min(len(raw), 400)))
            raw[start : start + int(rng.integers(0, 3))] = rng.bytes(int(rng.integers(0, 3)))
        path.write_bytes(raw[: int(rng.integers(len(raw) // 2, 2 * len(raw)))])
        try:
            load_encoder_file(nn.Linear(2, 2), path)
        except ModelError as error:
            assert "\n" not in str(error)
