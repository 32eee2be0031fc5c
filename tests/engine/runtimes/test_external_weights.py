"""Models whose weights lie in a file beside them, against the same in one file, on every runtime."""

from pathlib import Path
from typing import Final

import numpy as np
import onnx
import pytest

from seg.engine.runtimes.base import ImagesNHWC, Streams
from seg.engine.runtimes.decoder_cut import Decoder
from seg.engine.runtimes.open import open_runtime, usable_runtimes
from seg.export.export import export_checkpoint
from seg.export.onnx_file.save import save_onnx_model
from seg.models.model_file import read_model_card
from seg.spec.ensemble.prediction import RuntimeName
from tests.export.untrained import checkpoint, image

pytestmark = pytest.mark.slow

NAMES: Final[list[RuntimeName]] = ["cpu", "cuda", "openvino", "openvino-bf16"]
DECODER: Final = Decoder(upsampling=4, stride=32)
CELLS_DIFFER_BY: Final[dict[RuntimeName, float]] = {
    "cpu": 1e-5,
    "cuda": 1e-3,
    "openvino": 1e-4,
    "openvino-bf16": 0.05,
}

Pair = tuple[Path, Path]
"""A model in one file, and the same with its weights beside it."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """With the limit lowered from 2 GiB to 10 kB."""
    folder = tmp_path_factory.mktemp("whole")
    whole = folder / "model.onnx"
    export_checkpoint(checkpoint(folder, "fpn", encoder="resnet18"), whole, [image(70, 100)])
    parted = tmp_path_factory.mktemp("parted") / "model.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seg.export.onnx_file.save.LARGEST_INLINE_BYTES", 10_000)
        save_onnx_model(onnx.load(whole), read_model_card(whole), parted)
    assert parted.stat().st_size < whole.stat().st_size / 10
    return whole, parted


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> RuntimeName:
    chosen: RuntimeName = request.param
    if chosen not in usable_runtimes():
        pytest.skip(f"no {chosen} on this machine")
    return chosen


def images() -> ImagesNHWC:
    return np.stack([image(64, 96, seed) for seed in range(2)])


@pytest.mark.parametrize("to_decoder", [False, True], ids=["whole graph", "cut graph"])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_answers_are_those_of_one_file(
    pair: Pair,
    name: RuntimeName,
    temperature: float,
    to_decoder: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever the command was called, and with nothing written where the models lie."""
    monkeypatch.chdir(tmp_path)
    before = [sorted(model.parent.iterdir()) for model in pair]
    decoder = DECODER if to_decoder else None
    expected, found = (
        open_runtime(model, name, Streams(1, 2), temperature, decoder=decoder).run(images()) for model in pair
    )
    np.testing.assert_array_equal(found, expected)
    side = DECODER.upsampling if to_decoder else 1
    assert found.shape[2:] == (64 // side, 96 // side)
    assert [sorted(model.parent.iterdir()) for model in pair] == before
    assert not list(tmp_path.iterdir())


def test_a_cut_and_a_temperature_are_the_same_on_all_runtimes(pair: Pair, name: RuntimeName) -> None:
    """The temperature by hand, from the reference at a temperature of 1."""
    outputs = open_runtime(pair[0], "cpu", Streams(1, 2), decoder=DECODER).run(images())
    expected = outputs**2 / (outputs**2).sum(1, keepdims=True)
    found = open_runtime(pair[1], name, Streams(1, 2), 0.5, decoder=DECODER).run(images())
    np.testing.assert_allclose(found, expected, atol=CELLS_DIFFER_BY[name])
