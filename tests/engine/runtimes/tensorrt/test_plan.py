"""Plans that are found beside their model, or refused, on a GPU that is none."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.open import open_runtime
from seg.engine.runtimes.tensorrt.plan_file import PlanRecord, plan_record_path
from seg.engine.runtimes.tensorrt.runtime import PlanRuntime
from seg.errors import ModelError
from seg.files.atomic import sha256_of
from tests.engine.tiny_images import image_batch
from tests.engine.tiny_models import MakeModel
from tests.fake_gpu import FakeGpu

ONE = Streams(1, 1)
EXPORT = r"seg export SPEC --format tensorrt$"


@pytest.fixture
def model(make_model: MakeModel, tmp_path: Path) -> Path:
    return Path(shutil.copy(make_model(3), tmp_path / "model.onnx"))


def test_without_a_plan_it_says_how_to_build_one(model: Path, gpu: FakeGpu) -> None:
    with pytest.raises(ModelError, match=rf"model\.onnx: has no plan next to it: .*{EXPORT}"):
        PlanRuntime(model, ONE)
    gpu.build_beside(Path(shutil.copy(model, model.with_name("other.onnx"))))
    with pytest.raises(ModelError, match="has no plan next to it"):
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
        ModelError, match=rf"temperature was 1\.0, is 1\.25: build one from a spec with .*: {EXPORT}"
    ):
        PlanRuntime(model, ONE, temperature=1.25)
    gpu.build_beside(model, temperature=1.25)
    expected = open_runtime(model, "cpu", ONE, temperature=1.25).run(image_batch(2))
    np.testing.assert_array_equal(PlanRuntime(model, ONE, temperature=1.25).run(image_batch(2)), expected)


def test_two_that_fit_are_named(model: Path, gpu: FakeGpu) -> None:
    plan = gpu.build_beside(model).path
    copy = plan.with_name("model-0123456789ab.plan")
    shutil.copy(plan, copy)
    shutil.copy(plan_record_path(plan), plan_record_path(copy))
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
    record = plan_record_path(gpu.build_beside(model).path)
    record.write_text(record.read_text()[:-20])
    with pytest.raises(ModelError, match=rf"{record.name}: is not the record of its plan: remove both"):
        PlanRuntime(model, ONE)


def replace(plan: Path, content: bytes) -> None:
    """Put other bytes there, and say in the record that these were built."""
    plan.write_bytes(content)
    record = PlanRecord.model_validate_json(plan_record_path(plan).read_text())
    plan_record_path(plan).write_text(record.model_copy(update={"sha256": sha256_of(plan)}).model_dump_json())


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
