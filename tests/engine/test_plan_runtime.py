"""Plans that are found, refused and run, on a GPU that is none.

Unproven here, for want of a GPU: that TensorRT takes these calls as they are meant, what a plan answers, and
how fast it is.
"""

import gc
import importlib.util
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from seg.engine import nvidia
from seg.engine.gpu_stream import GpuStream
from seg.engine.open_runtime import open_runtime
from seg.engine.plan_runtime import PlanRuntime
from seg.engine.runtime import Streams
from seg.engine.swap import SwappedRuntime
from seg.engine.trt_plan import load_plan
from seg.errors import MissingRuntimeError, ModelError
from seg.export.plan import ensure_plan
from seg.export.trt import gpu_to_build_for
from seg.files import sha256_of
from seg.gpu import load_cuda
from seg.plan_file import PlanRecord, Profile, record_of
from seg.trt_library import LibraryName, load_library
from tests import fake_trt
from tests.engine.conftest import MakeModel
from tests.engine.test_runtimes import images
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
    assert runtime.placement(images(1)).counts == {"TensorRT": len(onnx.load(model).graph.node)}


def test_more_threads_than_streams_wait_for_one(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    runtime, reference = PlanRuntime(model, TWO), open_runtime(model, "cpu", TWO)
    assert len(gpu.streams) == 2
    batches = [images(1 + number % 3, 20 + number, 30) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(runtime.run, batches))
    for batch, answer in zip(batches, answers, strict=True):
        np.testing.assert_array_equal(answer, reference.run(batch))
    assert len(gpu.executed) == len(batches)


def test_images_need_not_lie_in_one_piece(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    turned = images(2).transpose(0, 2, 1, 3)[:, ::-1]
    np.testing.assert_array_equal(
        PlanRuntime(model, ONE).run(turned), open_runtime(model, "cpu", ONE).run(turned.copy())
    )


def test_memory_is_kept_between_batches_and_grows_with_them(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    runtime = PlanRuntime(model, ONE)
    pixels = 20 * 30
    small, large = ([n * pixels * 3, n * pixels * CLASSES * 4] for n in (1, 4))
    for count, allocated in ((1, small), (1, small), (4, large), (2, large), (4, large)):
        runtime.run(images(count))
        assert [len(content) for content in gpu.memory.values()] == allocated
    assert gpu.sizes == small + large


def test_what_it_holds_of_the_gpu_goes_with_it(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    runtime = PlanRuntime(model, TWO)
    runtime.run(images(1))
    assert gpu.memory and len(gpu.streams) == 2
    del runtime
    gc.collect()
    assert not gpu.memory
    assert not gpu.streams


def test_a_member_whose_turn_is_over_holds_nothing(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    swapped = SwappedRuntime(lambda: PlanRuntime(model, TWO))
    first = swapped.run(images(2))
    gc.disable()
    try:
        swapped.unload()
        assert not gpu.memory
    finally:
        gc.enable()
    np.testing.assert_array_equal(swapped.run(images(2)), first)


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
    gpu.build_beside(model, Profile((1, 10, 20), (2, 20, 30), (3, 40, 50)))
    runtime = PlanRuntime(model, ONE)
    assert runtime.takes((*shape, 3)) is fits
    if fits:
        assert runtime.run(images(*shape)).shape == (shape[0], CLASSES, *shape[1:])
        return
    takes, given = "1x10x20, 2x20x30, 3x40x50", "x".join(map(str, shape))
    message = rf"\.plan: takes batches of {takes} .* here is one of {given}: .* export\.plan: {EXPORT}"
    with pytest.raises(ModelError, match=message):
        runtime.run(images(*shape))
    assert not gpu.executed


def test_without_a_plan_it_says_how_to_build_one(model: Path, gpu: FakeGpu) -> None:
    with pytest.raises(ModelError, match=rf"model\.onnx: has no plan beside it: .*{EXPORT}"):
        PlanRuntime(model, ONE)
    gpu.build_beside(Path(shutil.copy(model, model.with_name("other.onnx"))))
    with pytest.raises(ModelError, match="has no plan beside it"):
        PlanRuntime(model, ONE)


def another_gpu(_: Path) -> FakeGpu:
    return FakeGpu("Fake 2")


def another_version(_: Path) -> FakeGpu:
    return FakeGpu(version="11.0.1")


def another_model(model: Path) -> FakeGpu:
    graph = onnx.load(model)
    graph.doc_string = "exported again"
    onnx.save(graph, model)
    return FakeGpu()


@pytest.mark.parametrize(
    ("happens", "difference"),
    [
        (another_gpu, r"gpu was Fake 1, compute capability 9\.0, is Fake 2, compute capability 9\.0"),
        (another_version, r"library was tensorrt 10\.9\.0, is tensorrt 11\.0\.1"),
        (another_model, r"model was [0-9a-f]{12}, is [0-9a-f]{12}"),
    ],
)
def test_a_plan_for_something_else_is_refused(
    happens: Callable[[Path], FakeGpu],
    difference: str,
    model: Path,
    gpu: FakeGpu,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu.build_beside(model)
    happens(model).install(monkeypatch)
    message = rf"model\.onnx: has no plan that fits: {difference}: build one on this machine: {EXPORT}"
    with pytest.raises(ModelError, match=message):
        PlanRuntime(model, ONE)


def test_of_plans_for_many_gpus_its_own_is_taken(
    model: Path, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FakeGpu("Fake 2")
    for one in (other, gpu, FakeGpu("Fake 3")):
        one.build_beside(model)
    assert PlanRuntime(model, ONE).describe().device.startswith("Fake 1,")
    other.install(monkeypatch)
    assert PlanRuntime(model, ONE).describe().device.startswith("Fake 2,")


def test_a_temperature_is_built_in(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    with pytest.raises(
        ModelError, match=rf"temperature was 1\.0, is 1\.25: build one of a spec that gives .*: {EXPORT}"
    ):
        PlanRuntime(model, ONE, temperature=1.25)
    gpu.build_beside(model, temperature=1.25)
    expected = open_runtime(model, "cpu", ONE, temperature=1.25).run(images(2))
    np.testing.assert_array_equal(PlanRuntime(model, ONE, temperature=1.25).run(images(2)), expected)


def test_two_that_fit_are_named(model: Path, gpu: FakeGpu) -> None:
    plan = gpu.build_beside(model).path
    copy = plan.with_name("model-0123456789ab.plan")
    shutil.copy(plan, copy)
    shutil.copy(record_of(plan), record_of(copy))
    with pytest.raises(ModelError, match=rf"{copy.name} and {plan.name} both fit: remove all but one"):
        PlanRuntime(model, ONE)


@pytest.mark.parametrize("content", [b"cut off", None])
def test_other_bytes_than_were_built_are_never_loaded(
    content: bytes | None, model: Path, gpu: FakeGpu
) -> None:
    plan = gpu.build_beside(model).path
    plan.unlink() if content is None else plan.write_bytes(content)
    with pytest.raises(ModelError, match=rf"{plan.name}: is not the plan that was built: .*{EXPORT}"):
        PlanRuntime(model, ONE)
    assert gpu.build_beside(model).reason == "the plan is not the one that was built"
    PlanRuntime(model, ONE)


def test_a_damaged_record_is_named(model: Path, gpu: FakeGpu) -> None:
    record = record_of(gpu.build_beside(model).path)
    record.write_text(record.read_text()[:-20])
    with pytest.raises(ModelError, match=rf"{record.name}: is not what was written .*: remove both"):
        PlanRuntime(model, ONE)


def replace(plan: Path, content: bytes) -> None:
    """Put other bytes there, and say in the record that these were built."""
    plan.write_bytes(content)
    record = PlanRecord.model_validate_json(record_of(plan).read_text())
    record_of(plan).write_text(record.model_copy(update={"sha256": sha256_of(plan)}).model_dump_json())


def renamed(graph: onnx.ModelProto) -> None:
    graph.graph.input[0].name = graph.graph.node[0].input[0] = "pixels"


def in_half(graph: onnx.ModelProto) -> None:
    graph.graph.node[-1].output[0] = "exact"
    graph.graph.node.append(helper.make_node("Cast", ["exact"], ["probabilities"], to=TensorProto.FLOAT16))
    graph.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16


def with_another_output(graph: onnx.ModelProto) -> None:
    graph.graph.output.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, None))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (renamed, r"pixels \(INPUT, UINT8\), probabilities \(OUTPUT, FLOAT\)"),
        (in_half, r"image \(INPUT, UINT8\), probabilities \(OUTPUT, HALF\)"),
        (with_another_output, r".*, logits \(OUTPUT, FLOAT\)"),
    ],
)
def test_other_tensors_than_the_contracts_are_refused(
    change: Callable[[onnx.ModelProto], None], found: str, model: Path, gpu: FakeGpu
) -> None:
    plan = gpu.build_beside(model).path
    graph = onnx.load_from_string(plan.read_bytes())
    change(graph)
    replace(plan, graph.SerializeToString())
    expected = r"image \(INPUT, UINT8\), probabilities \(OUTPUT, FLOAT\)"
    with pytest.raises(ModelError, match=rf"\.plan: has {found}, expected {expected}: .*{EXPORT}"):
        PlanRuntime(model, ONE)


def test_what_tensorrt_cannot_read_is_one_line_with_its_reason(model: Path, gpu: FakeGpu) -> None:
    replace(gpu.build_beside(model).path, b"no plan")
    message = rf"\.plan: TensorRT cannot read it: magic tag does not match: build it again: {EXPORT}"
    with pytest.raises(ModelError, match=message):
        PlanRuntime(model, ONE)


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
    first = runtime.run(images(1))
    gpu.size = gpu.allocated
    message = r"\.plan: the GPU has no room for 0 MiB more: CUDA says: out of memory: lower batch_size"
    with pytest.raises(MissingRuntimeError, match=message):
        runtime.run(images(4))
    np.testing.assert_array_equal(runtime.run(images(1)), first)


def test_what_fails_on_the_gpu_is_one_line_and_leaves_the_stream_usable(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    runtime = PlanRuntime(model, ONE)
    gpu.refuses_to_execute = True
    with pytest.raises(ModelError, match=rf"\.plan: TensorRT cannot run it: Cuda failure: 700: .*{EXPORT}"):
        runtime.run(images(1))
    gpu.refuses_to_execute = False
    np.testing.assert_array_equal(runtime.run(images(1)), open_runtime(model, "cpu", ONE).run(images(1)))


def test_answers_of_another_size_than_the_images_are_refused(
    model: Path, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu.build_beside(model)
    runtime = PlanRuntime(model, ONE)
    monkeypatch.setattr(fake_trt.Context, "get_tensor_shape", lambda *_: (1, CLASSES, -1, 30))
    with pytest.raises(ModelError, match=r"answers a batch of \(1, 20, 30, 3\) with \(1, 4, -1, 30\)"):
        runtime.run(images(1))


def test_without_a_device_it_says_so(model: Path, gpu: FakeGpu) -> None:
    gpu.build_beside(model)
    gpu.is_there = False
    message = r"runtime tensorrt-plan: not usable here: .*no CUDA-capable device .*: or say runtime: cuda"
    with pytest.raises(MissingRuntimeError, match=message):
        PlanRuntime(model, ONE)


def test_without_libraries_it_says_what_to_install(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingRuntimeError, match=r"-plan: .*tensorrt is not installed: .*seg\[tensorrt\]"):
        PlanRuntime(model, ONE)
    monkeypatch.setattr("seg.engine.plan_runtime.load_library", lambda _: FakeGpu().tensorrt)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    with pytest.raises(MissingRuntimeError, match=r"cuda-bindings is not installed: .*seg\[tensorrt\]"):
        PlanRuntime(model, ONE)


@pytest.mark.skipif(nvidia.has_device(), reason="this machine has an NVIDIA device")
def test_a_real_plan_where_there_is_no_device_is_one_line(model: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="its builder, which runs on a CPU, is not installed")
    library = load_library("tensorrt_rtx")
    plan = ensure_plan(model, library, "any", PROFILE, 1).path
    message = rf"{plan.name}: TensorRT cannot read it: .*[Cc]uda.*{EXPORT}"
    with pytest.raises(ModelError, match=message) as caught:
        load_plan(model, library, "any", 1.0)
    assert "\n" not in str(caught.value)


@pytest.mark.gpu
@pytest.mark.skipif(not nvidia.has_device(), reason="no NVIDIA device to run a plan on")
@pytest.mark.parametrize("name", ["tensorrt", "tensorrt_rtx"])
def test_a_plan_answers_as_its_model_does(name: LibraryName, model: Path) -> None:
    pytest.importorskip(name)
    library, gpu = load_library(name), gpu_to_build_for(name)
    ensure_plan(model, library, gpu, PROFILE, 1, temperature=1.5)
    stream = GpuStream(load_plan(model, library, gpu, 1.5), load_cuda())
    reference = open_runtime(model, "cpu", ONE, temperature=1.5)
    for images_nhwc in (images(2), images(1, 1, 1), images(8, 64, 64), images(3, 17, 31)):
        np.testing.assert_allclose(stream.run(images_nhwc), reference.run(images_nhwc), atol=1e-2)
