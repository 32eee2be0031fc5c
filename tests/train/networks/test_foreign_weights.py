"""Weights from elsewhere: tensors are read, and nothing is ever run."""

import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import nn

from seg.errors import ModelError
from seg.labels.classes import ClassInfo
from seg.models.card import CARD_KEY, InputCard, ModelCard
from seg.train.networks.checkpoint import read_checkpoint_card
from seg.train.networks.weights.pretrained import load_encoder_file

CARD = ModelCard(
    name="m",
    architecture="fpn",
    encoder="resnet18",
    classes=(ClassInfo(id=0, name="a", colour=(0, 0, 0)),),
    unlabelled="ignore",
    input=InputCard(mean=(0, 0, 0), std=(1, 1, 1)),
)
CHECKPOINT = save({"w": torch.arange(8.0)}, metadata={CARD_KEY: CARD.model_dump_json()})


class Touches:
    """Unpickled with trust, it writes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.file,)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
def test_a_pickle_that_would_run_something_is_refused(suffix: str, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    for name, write in (
        ("zipped", torch.save),
        ("bare", lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))),
    ):
        path = tmp_path / f"{name}{suffix}"
        write({"state_dict": Touches(trap)}, path)
        with pytest.raises(
            ModelError, match=rf"{name}\{suffix}: contains more than tensors, or is damaged"
        ) as caught:
            load_encoder_file(nn.Linear(2, 2), path)
        assert "\n" not in str(caught.value)
    assert not trap.exists()
    pickle.loads((tmp_path / f"bare{suffix}").read_bytes())
    assert trap.exists()


def test_a_legacy_state_dict_is_read(tmp_path: Path) -> None:
    layer = nn.Linear(2, 2)
    torch.save({"state_dict": layer.state_dict()}, tmp_path / "w.pth")
    other = nn.Linear(2, 2)
    load_encoder_file(other, tmp_path / "w.pth")
    assert torch.equal(layer.weight, other.weight)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_checkpoint_is_read_or_refused_and_nothing_else(
    tmp_path: Path, data: st.DataObject
) -> None:
    raw = bytearray(CHECKPOINT)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(raw) - 1))
        raw[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    (tmp_path / "m.safetensors").write_bytes(raw)
    try:
        card = read_checkpoint_card(tmp_path / "m.safetensors")
    except ModelError as error:
        assert "\n" not in str(error)
    else:
        assert card.classes
