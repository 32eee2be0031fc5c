"""Plans that run, on a GPU that is none; how they are found says `test_trt_plan.py`.

Unproven here, for want of a GPU: that TensorRT takes these calls as they are meant, what a plan answers, and
how fast it is.
"""

import gc
import importlib.util
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.nvidia.cuda_device import load_cuda
from seg.engine.runtimes.offload import OffloadedRuntime
from seg.engine.runtimes.open import open_runtime
from seg.engine.runtimes.tensorrt.library import LibraryName, import_tensorrt
from seg.engine.runtimes.tensorrt.plan import load_plan
from seg.engine.runtimes.tensorrt.plan_file import PlanProfile
from seg.engine.runtimes.tensorrt.runtime import PlanRuntime
from seg.engine.runtimes.tensorrt.stream import GpuStream
from seg.errors import MissingRuntimeError, ModelError
from seg.export.plan_cache import ensure_plan
from seg.export.tensorrt_builder import target_gpu
from tests import fake_trt
from tests.engine.tiny_images import image_batch
from tests.engine.tiny_models import MakeModel
from tests.fake_gpu import PROFILE, FakeGpu

ONE, TWO = Streams(1, 1), Streams(2, 1)
CLASSES = 4
EXPORT = r"seg export SPEC --format tensorrt$"


@pytest.fixture
def model(make_model: MakeModel, tmp_path: Path) -> Path:
    return Path(shutil.copy(make_model(3), tmp_path / "model.onnx"))


def test_it_says_what_runs_the_plan(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    runtime = PlanRuntime(model, TWO)
    assert str(runtime.describe()) == (
        "tensorrt-plan (TensorRT 10.9.0, Fake 1, compute capability 9.0, 2 x 1 threads)"
    )
    assert runtime.describe().whole_batches
    assert runtime.placement(image_batch(1)).counts == {"TensorRT": len(onnx.load(model).graph.node)}


def test_more_threads_than_streams_wait_for_one(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    runtime, reference = PlanRuntime(model, TWO), open_runtime(model, "cpu", TWO)
    assert len(gpu.streams) == 2
    batches = [image_batch(1 + number % 3, 20 + number, 30) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(runtime.run, batches))
    for batch, answer in zip(batches, answers, strict=True):
        np.testing.assert_array_equal(answer, reference.run(batch))
    assert len(gpu.executed) == len(batches)


def test_images_need_not_lie_in_one_piece(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    turned = image_batch(2).transpose(0, 2, 1, 3)[:, ::-1]
    np.testing.assert_array_equal(
        PlanRuntime(model, ONE).run(turned), open_runtime(model, "cpu", ONE).run(turned.copy())
    )


def test_memory_is_kept_between_batches_and_grows_with_them(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    runtime = PlanRuntime(model, ONE)
    pixels = 20 * 30
    small, large = ([n * pixels * 3, n * pixels * CLASSES * 4] for n in (1, 4))
    for count, allocated in ((1, small), (1, small), (4, large), (2, large), (4, large)):
        runtime.run(image_batch(count))
        assert [len(content) for content in gpu.memory.values()] == allocated
    assert gpu.sizes == small + large


def test_what_it_holds_of_the_gpu_goes_with_it(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    runtime = PlanRuntime(model, TWO)
    runtime.run(image_batch(1))
    assert gpu.memory and len(gpu.streams) == 2
    del runtime
    gc.collect()
    assert not gpu.memory
    assert not gpu.streams


def test_a_member_whose_turn_is_over_holds_nothing(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    swapped = OffloadedRuntime(lambda: PlanRuntime(model, TWO))
    first = swapped.run(image_batch(2))
    gc.disable()
    try:
        swapped.unload()
        assert not gpu.memory
    finally:
        gc.enable()
    np.testing.assert_array_equal(swapped.run(image_batch(2)), first)


@pytest.mark.parametrize(
    ("shape", "fits"),
    [
        ((2, 20, 30), True), ((1, 10, 20), True), ((3, 40, 50), True),
        ((4, 20, 30), False), ((1, 9, 30), False), ((1, 20, 51), False),
    ],
)  # fmt: skip
def test_a_batch_beyond_the_profile_is_refused(
    shape: tuple[int, int, int], fits: bool, model: Path, gpu: FakeGpu
) -> None:
    gpu.build_beside(model, PlanProfile((1, 10, 20), (2, 20, 30), (3, 40, 50)))
    runtime = PlanRuntime(model, ONE)
    assert runtime.takes((*shape, 3)) is fits
    if fits:
        assert runtime.run(image_batch(*shape)).shape == (shape[0], CLASSES, *shape[1:])
        return
    takes, given = "1x10x20, 2x20x30, 3x40x50", "x".join(map(str, shape))
    message = rf"\.plan: accepts batches of {takes} .* got {given}: .* export\.plan: {EXPORT}"
    with pytest.raises(ModelError, match=message):
        runtime.run(image_batch(*shape))
    assert not gpu.executed


def test_a_gpu_without_room_for_a_context_says_so(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    gpu.contexts_left = 1
    with pytest.raises(ModelError, match=rf"TensorRT has no room for it: out of memory: lower .*: {EXPORT}"):
        PlanRuntime(model, TWO)
    gc.collect()
    assert not gpu.streams


def test_a_batch_without_room_is_refused_and_the_next_one_runs(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    runtime = PlanRuntime(model, ONE)
    first = runtime.run(image_batch(1))
    gpu.size = gpu.allocated
    message = r"\.plan: the GPU has no room for 0 MiB more: CUDA says: out of memory: lower batch_size"
    with pytest.raises(MissingRuntimeError, match=message):
        runtime.run(image_batch(4))
    np.testing.assert_array_equal(runtime.run(image_batch(1)), first)


def test_what_fails_on_the_gpu_is_one_line_and_leaves_the_stream_usable(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    runtime = PlanRuntime(model, ONE)
    gpu.refuses_to_execute = True
    with pytest.raises(ModelError, match=rf"\.plan: TensorRT cannot run it: Cuda failure: 700: .*{EXPORT}"):
        runtime.run(image_batch(1))
    gpu.refuses_to_execute = False
    np.testing.assert_array_equal(
        runtime.run(image_batch(1)), open_runtime(model, "cpu", ONE).run(image_batch(1))
    )


def test_answers_of_another_size_than_the_images_are_refused(
    model: Path, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu.build_beside(model)
    runtime = PlanRuntime(model, ONE)
    monkeypatch.setattr(fake_trt.Context, "get_tensor_shape", lambda *_: (1, CLASSES, -1, 30))
    with pytest.raises(ModelError, match=r"returns \(1, 4, -1, 30\) for a batch of \(1, 20, 30, 3\)"):
        runtime.run(image_batch(1))


def test_without_a_device_it_says_so(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    gpu.is_there = False
    message = r"runtime tensorrt-plan: not usable here: .*no CUDA-capable device .*: or set runtime: cuda"
    with pytest.raises(MissingRuntimeError, match=message):
        PlanRuntime(model, ONE)


def test_without_libraries_it_says_what_to_install(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingRuntimeError, match=r"-plan: .*tensorrt is not installed: .*\[tensorrt\]"):
        PlanRuntime(model, ONE)
    monkeypatch.setattr("seg.engine.runtimes.tensorrt.runtime.import_tensorrt", lambda _: FakeGpu().tensorrt)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    with pytest.raises(MissingRuntimeError, match=r"cuda-bindings is not installed: .*\[tensorrt\]"):
        PlanRuntime(model, ONE)


@pytest.mark.skipif(nvidia.has_nvidia_device(), reason="this machine has an NVIDIA device")
def test_a_real_plan_where_there_is_no_device_is_one_line(model: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="its builder, which runs on a CPU, is not installed")
    library = import_tensorrt("tensorrt_rtx")
    plan = ensure_plan(model, library, "any", PROFILE, 1).path
    message = rf"{plan.name}: TensorRT cannot read it: .*[Cc]uda.*{EXPORT}"
    with pytest.raises(ModelError, match=message) as caught:
        load_plan(model, library, "any", 1.0)
    assert "\n" not in str(caught.value)


@pytest.mark.gpu
@pytest.mark.skipif(not nvidia.has_nvidia_device(), reason="no NVIDIA device to run a plan on")
@pytest.mark.parametrize("name", ["tensorrt", "tensorrt_rtx"])
def test_a_plan_answers_as_its_model_does(name: LibraryName, model: Path) -> None:
    pytest.importorskip(name)
    library, gpu = import_tensorrt(name), target_gpu(name)
    ensure_plan(model, library, gpu, PROFILE, 1, temperature=1.5)
    stream = GpuStream(load_plan(model, library, gpu, 1.5), load_cuda())
    reference = open_runtime(model, "cpu", ONE, temperature=1.5)
    for images_nhwc in (
        image_batch(2),
        image_batch(1, 1, 1),
        image_batch(8, 64, 64),
        image_batch(3, 17, 31),
    ):
        np.testing.assert_allclose(stream.run(images_nhwc), reference.run(images_nhwc), atol=1e-2)
