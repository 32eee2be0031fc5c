"""The same demands on every runtime that this machine has, with ONNX Runtime on the CPU as the reference."""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from seg.engine.runtimes.base import Runtime, Streams
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.nvidia.gpu_libraries import GpuProvider
from seg.engine.runtimes.open import open_runtime, usable_runtimes
from seg.engine.runtimes.openvino.runtime import FIXED_SHAPES, OpenVinoRuntime, openvino_is_usable
from seg.engine.runtimes.ort import OrtRuntime
from seg.errors import MissingRuntimeError, ModelError
from seg.spec.ensemble.prediction import RuntimeName
from tests.engine.runtime_params import runtime_params
from tests.engine.tiny_images import image_batch
from tests.engine.tiny_models import MakeModel
from tests.fake_gpu import FakeGpu

TWO = Streams(2, 1)
FURTHEST: dict[RuntimeName, float] = {
    "cpu": 1e-5,
    "cuda": 1e-3,
    "openvino": 1e-5,
    "openvino-bf16": 0.03,
    "tensorrt-plan": 1e-5,
}


class Load(Protocol):
    """Loads a model on the runtime that is tested."""

    def __call__(self, model: Path, streams: Streams = TWO, temperature: float = 1.0) -> Runtime: ...


@pytest.fixture(params=runtime_params(FURTHEST))
def name(request: pytest.FixtureRequest) -> RuntimeName:
    chosen: RuntimeName = request.param
    if chosen not in (*usable_runtimes(), "tensorrt-plan"):
        pytest.skip(f"no {chosen} on this machine")
    return chosen


@pytest.fixture
def load(name: RuntimeName, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Plans are built before they run, on a GPU that is none: see `tests.fake_gpu`."""
    gpu = FakeGpu()
    gpu.install(monkeypatch)

    def load(model: Path, streams: Streams = TWO, temperature: float = 1.0) -> Runtime:
        if name == "tensorrt-plan":
            gpu.build_beside(model, temperature=temperature)
        return open_runtime(model, name, streams, temperature)

    return load


def test_answers_are_those_of_the_onnx_reference(
    make_model: MakeModel, name: RuntimeName, load: Load
) -> None:
    model = make_model(3)
    runtime = load(model)
    reference = ReferenceEvaluator(onnx.load(model))
    for images_nhwc in (image_batch(2), image_batch(1, 31, 17), image_batch(3, 1, 1)):
        answer = runtime.run(images_nhwc)
        assert answer.dtype == np.float32
        expected = reference.run(None, {"image": images_nhwc})
        assert isinstance(expected, list)
        np.testing.assert_allclose(answer, np.asarray(expected[0]), atol=FURTHEST[name])


def test_rows_do_not_depend_on_their_neighbours(make_model: MakeModel, load: Load) -> None:
    """Bit by bit, in batches of one size; of any size where the runtime says so."""
    runtime = load(make_model(3))
    images_nhwc = image_batch(5)
    together = runtime.run(images_nhwc)
    np.testing.assert_array_equal(runtime.run(images_nhwc[::-1].copy())[::-1], together)
    if not runtime.describe().whole_batches:
        for row in range(len(images_nhwc)):
            np.testing.assert_array_equal(runtime.run(images_nhwc[row : row + 1])[0], together[row])


def test_streams_run_at_once_and_agree(make_model: MakeModel, load: Load) -> None:
    runtime = load(make_model(3), Streams(4, 1))
    batches = [image_batch(1, 20 + number % 3, 30) for number in range(24)]
    alone = [runtime.run(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(runtime.run, batches))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def bound_threads() -> set[int]:
    """The threads of this process that may not run on all cores that the process may run on."""
    bound = set()
    for thread in (int(task.name) for task in Path("/proc/self/task").iterdir()):
        with contextlib.suppress(ProcessLookupError):
            if os.sched_getaffinity(thread) != os.sched_getaffinity(0):
                bound.add(thread)
    return bound


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="this system does not show its threads")
@pytest.mark.parametrize("name", ["cpu", "openvino", "openvino-bf16"], indirect=True)
def test_no_stream_is_bound_to_a_core(make_model: MakeModel, load: Load) -> None:
    """Else the first streams of all members would be bound to the same one, and wait for each other."""
    bound_before = bound_threads()
    runtime = load(make_model(3))
    bound = set()
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(runtime.run, image_batch(4, 200, 300)) for _ in range(50)]
        while not all(one.done() for one in running):
            bound |= bound_threads() - bound_before
    assert not bound


def test_an_answer_is_the_callers_own(make_model: MakeModel, load: Load) -> None:
    runtime = load(make_model(3))
    first = runtime.run(image_batch(1))
    kept = first.copy()
    runtime.run(255 - image_batch(1))
    np.testing.assert_array_equal(first, kept)


def test_it_says_what_it_is(make_model: MakeModel, name: RuntimeName, load: Load) -> None:
    info = load(make_model(3), Streams(3, 1)).describe()
    assert info.name == name
    assert info.streams == Streams(3, 1)
    assert name in str(info)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((1, 4, 4, 3), np.float32), np.zeros((4, 4, 3), np.uint8), np.zeros((1, 3, 4, 4), np.uint8)],
)
def test_a_wrong_batch_says_what_was_expected_and_received(
    make_model: MakeModel, load: Load, wrong: np.ndarray[tuple[int, ...], np.dtype[np.generic]]
) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 \[N, H, W, 3\], received"):
        load(make_model(3)).run(wrong)


def test_a_damaged_graph_is_one_line(tmp_path: Path, load: Load) -> None:
    (tmp_path / "x.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises((ModelError, MissingRuntimeError)) as error:
        load(tmp_path / "x.onnx")
    assert "x.onnx" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(nvidia.has_nvidia_device(), reason="this machine has an NVIDIA device")
@pytest.mark.parametrize(("name", "instead"), [("cuda", "cpu"), ("tensorrt", "cuda")])
def test_a_device_is_refused_where_there_is_none(
    name: GpuProvider, instead: str, make_model: MakeModel, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MissingRuntimeError, match=f"no NVIDIA device.*runtime: {instead}") as error:
        OrtRuntime(make_model(3), name, TWO)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.gpu
@pytest.mark.skipif(not nvidia.is_nvidia_usable("cuda"), reason="no CUDA device that ONNX Runtime can use")
def test_cuda_runs_on_cuda(make_model: MakeModel) -> None:
    assert OrtRuntime(make_model(3), "cuda", TWO).describe().device == "CUDA"


def test_openvino_that_is_not_installed_says_how_to(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seg.engine.runtimes.openvino.library.find_spec", lambda _: None)
    assert not openvino_is_usable("f32")
    with pytest.raises(MissingRuntimeError, match=r"pip install 'segensemble\[openvino\]'"):
        OpenVinoRuntime(make_model(3), "f32", TWO)


@pytest.mark.skipif(not openvino_is_usable("f32"), reason="no OpenVINO on this machine")
def test_shapes_beyond_the_fixed_ones_give_the_same_bits(make_model: MakeModel) -> None:
    """Else an image's labels would depend on which sizes came before it."""
    runtime, fresh = (OpenVinoRuntime(make_model(3), "f32", TWO) for _ in range(2))
    for height in range(FIXED_SHAPES):
        runtime.run(image_batch(1, 10 + height))
    np.testing.assert_array_equal(runtime.run(image_batch(1, 40)), fresh.run(image_batch(1, 40)))


def test_logits_are_divided_by_the_temperature(make_model: MakeModel, name: RuntimeName, load: Load) -> None:
    model, images_nhwc = make_model(3), image_batch(2)
    plain = load(model).run(images_nhwc).astype(np.float64)
    tempered = load(model, temperature=2.0).run(images_nhwc)
    expected = np.sqrt(plain)
    np.testing.assert_allclose(tempered, expected / expected.sum(1, keepdims=True), atol=FURTHEST[name])


def test_a_model_without_a_place_for_it_is_named(make_model: MakeModel, tmp_path: Path, load: Load) -> None:
    model = onnx.load(make_model(3))
    div = next(node for node in model.graph.node if node.op_type == "Div")
    div.input[1] = model.graph.initializer[1].name = "other"
    onnx.save(model, tmp_path / "old.onnx")
    with pytest.raises(ModelError, match=r"old\.onnx: has no place for a temperature: export it again"):
        load(tmp_path / "old.onnx", temperature=2.0)
