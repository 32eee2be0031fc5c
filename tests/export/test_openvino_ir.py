"""OpenVINO's format against ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from seg.engine.runtimes.tensorrt.plan_file import PlanProfile
from seg.errors import MissingRuntimeError
from seg.export.onnx_file.save import save_onnx_model
from seg.export.openvino_ir import write_openvino_ir
from seg.models.card import CARD_KEY, parse_model_card
from tests.export.tiny import CARD, image, model, run

openvino = pytest.importorskip("openvino")


@pytest.mark.parametrize("most", [(8, 24, 31), (8, 48, 64)])
def test_the_two_files_answer_as_the_model_does(most: tuple[int, int, int], tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    save_onnx_model(model(), CARD, path)
    written = write_openvino_ir(path, PlanProfile((1, 24, 31), (8, 24, 31), most), [image(70, 50)])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.bin", "model.onnx", "model.xml"]
    read = openvino.Core().read_model(written)
    fixed = most[1:] == (24, 31)
    assert [d.is_static for d in read.input(0).partial_shape] == [False, fixed, fixed, True]
    compiled = openvino.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    batch = np.stack([image(seed=1), image(seed=2)])
    np.testing.assert_allclose(compiled(batch)[0], run(onnx.load(path), batch), atol=1e-5)
    assert parse_model_card(read.get_rt_info(CARD_KEY).astype(str), written) == CARD


def test_without_openvino_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seg.engine.runtimes.openvino.library.find_spec", lambda _: None)
    with pytest.raises(MissingRuntimeError, match=r"segensemble\[openvino\]"):
        write_openvino_ir(tmp_path / "m.onnx", PlanProfile((1, 1, 1), (1, 1, 1), (1, 1, 1)), [])
