"""ONNX Runtime: batches, devices, what it refuses."""

from pathlib import Path

import numpy as np
import pytest

from seg.engine.ort import OrtRuntime, cuda_is_usable, has_cuda_device
from seg.errors import MissingRuntimeError, ModelError
from tests.engine.conftest import MakeModel


def test_rows_do_not_depend_on_their_batch(make_model: MakeModel) -> None:
    runtime = OrtRuntime(make_model(3), "cpu")
    images_nhwc = np.random.default_rng(0).integers(0, 256, (5, 20, 30, 3), dtype=np.uint8)
    together = runtime.run(images_nhwc)
    for row in range(len(images_nhwc)):
        np.testing.assert_array_equal(runtime.run(images_nhwc[row : row + 1])[0], together[row])


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((1, 4, 4, 3), np.float32), np.zeros((4, 4, 3), np.uint8), np.zeros((1, 3, 4, 4), np.uint8)],
)
def test_a_wrong_batch_says_what_was_expected_and_received(
    make_model: MakeModel, wrong: np.ndarray[tuple[int, ...], np.dtype[np.generic]]
) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \[N, H, W, 3\], received"):
        OrtRuntime(make_model(3), "cpu").run(wrong)  # type: ignore[arg-type]


def test_a_damaged_graph_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"x\.onnx: ONNX Runtime cannot load it"):
        OrtRuntime(tmp_path / "x.onnx", "cpu")


@pytest.mark.skipif(has_cuda_device(), reason="this machine has an NVIDIA device")
def test_cuda_is_refused_where_there_is_none(
    make_model: MakeModel, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MissingRuntimeError, match=r"no NVIDIA device.*runtime: cpu") as error:
        OrtRuntime(make_model(3), "cuda")
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.gpu
@pytest.mark.skipif(not cuda_is_usable(), reason="no CUDA device that ONNX Runtime can use")
def test_cuda_answers_as_the_cpu_does(make_model: MakeModel) -> None:
    images_nhwc = np.random.default_rng(0).integers(0, 256, (2, 20, 30, 3), dtype=np.uint8)
    runtime = OrtRuntime(make_model(3), "cuda")
    assert runtime.describe().endswith("CUDA")
    np.testing.assert_allclose(
        runtime.run(images_nhwc), OrtRuntime(make_model(3), "cpu").run(images_nhwc), atol=1e-3
    )
