"""What ONNX Runtime is asked for on an NVIDIA device, seen by a session that is none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import onnxruntime
import pytest

from seg.engine.merging import device_ops as device_ops_module
from seg.engine.merging.device_ops import DeviceOps
from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.open import open_runtime
from seg.errors import MissingRuntimeError
from tests.engine.tiny_images import image_batch
from tests.engine.tiny_models import MakeModel

TWO = Streams(2, 1)


class FakeSession:
    """A session that is built on the first of the providers it is told to; no device takes part."""

    built_on = ""
    on_cpu: ClassVar[list[Any]] = []
    last: "FakeSession"

    def __init__(
        self, _: object, options: onnxruntime.SessionOptions, providers: list[Any], enable_fallback: int
    ) -> None:
        assert not enable_fallback
        self.options = options
        self.asked = providers
        FakeSession.last = self

    def run(self, *_: object) -> None:
        raise RuntimeError("Failed to allocate memory for requested buffer of size 1\nand a trace")

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(type="tensor(uint8)", shape=["N", "H", "W", 3])]

    def get_providers(self) -> list[str]:
        return [FakeSession.built_on]

    def get_provider_graph_assignment_info(self) -> list[Any]:
        """By ONNX Runtime's names: nodes and where they run."""
        on_device = SimpleNamespace(ep_name=FakeSession.built_on, get_nodes=lambda: [node("Conv")])
        on_cpu = SimpleNamespace(ep_name="CPUExecutionProvider", get_nodes=lambda: FakeSession.on_cpu)
        return [on_device, on_cpu]


def node(operation: str) -> Any:
    return SimpleNamespace(name=f"a {operation}", op_type=operation)


@pytest.fixture
def with_fake_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """To see what a device would be asked for; returns the cache folder. Of a device it proves nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(nvidia, "has_nvidia_device", lambda: True)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(nvidia.PROVIDERS.values()))
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    monkeypatch.setattr(onnxruntime, "InferenceSession", FakeSession)
    monkeypatch.setattr(device_ops_module, "copy_to_device", lambda _, array: array)
    return tmp_path


def test_tensorrt_is_asked_to_keep_its_engines(with_fake_device: Path, make_model: MakeModel) -> None:
    FakeSession.built_on = "TensorrtExecutionProvider"
    info = open_runtime(make_model(3), "tensorrt", TWO).describe()
    assert (info.name, info.device, info.whole_batches) == ("tensorrt", "CUDA", True)
    (first, options), (second, _) = FakeSession.last.asked
    assert (first, second) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    folder = with_fake_device / "seg" / "tensorrt"
    assert folder.is_dir()
    assert options["trt_engine_cache_enable"]
    assert options["trt_engine_cache_path"] == options["trt_timing_cache_path"] == str(folder)


def test_device_ops_are_for_the_device_alone(with_fake_device: Path, make_model: MakeModel) -> None:
    FakeSession.built_on = "CUDAExecutionProvider"
    assert open_runtime(make_model(3), "cuda", TWO).device == "cuda"
    DeviceOps("cuda", 4)
    assert [provider for provider, _ in FakeSession.last.asked] == ["CUDAExecutionProvider"]
    FakeSession.built_on = "CPUExecutionProvider"
    with pytest.raises(MissingRuntimeError, match=r"cuda.*was built on CPUExecutionProvider"):
        DeviceOps("cuda", 4)


@pytest.mark.parametrize(
    ("options", "search", "channels_last", "memory"),
    [
        (nvidia.DEFAULT_OPTIONS, "HEURISTIC", "0", None),
        (nvidia.CudaOptions(fixed_shapes=True), "EXHAUSTIVE", "0", None),
        (nvidia.CudaOptions(channels_last=True, memory=10**9), "HEURISTIC", "1", "1000000000"),
    ],
)
def test_cuda_is_told_how_to_choose_its_kernels_and_what_it_may_take(
    options: nvidia.CudaOptions,
    search: str,
    channels_last: str,
    memory: str | None,
    with_fake_device: Path,
    make_model: MakeModel,
) -> None:
    FakeSession.built_on = "CUDAExecutionProvider"
    open_runtime(make_model(3), "cuda", TWO, cuda=options)
    ((_, asked),) = FakeSession.last.asked
    assert (asked["cudnn_conv_algo_search"], asked["prefer_nhwc"]) == (search, channels_last)
    assert asked["arena_extend_strategy"] == "kSameAsRequested"
    assert asked.get("gpu_mem_limit") == memory


def test_a_node_without_a_kernel_is_named_and_arithmetic_on_shapes_is_not(
    with_fake_device: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeSession.built_on = "CUDAExecutionProvider"
    monkeypatch.setattr(FakeSession, "on_cpu", [node("Squeeze"), node("Mul")])
    runtime = open_runtime(make_model(3), "cuda", TWO)
    placement = runtime.placement(image_batch(1))
    assert (placement.counts, placement.fallen_back) == ({"CUDA": 1, "CPU": 2}, ())
    monkeypatch.setattr(FakeSession, "on_cpu", [node("Mul"), node("GridSample")])
    with pytest.raises(MissingRuntimeError, match=r"cuda.*no kernel for a GridSample \(GridSample\):"):
        open_runtime(make_model(3), "cuda", TWO)


def test_a_device_without_room_for_a_batch_is_one_line(with_fake_device: Path, make_model: MakeModel) -> None:
    FakeSession.built_on = "CUDAExecutionProvider"
    runtime = open_runtime(make_model(3), "cuda", TWO)
    with pytest.raises(MissingRuntimeError, match=r"cuda: .*Failed to allocate.*smaller batch_size") as error:
        runtime.run(image_batch(1))
    assert "\n" not in str(error.value)


def test_a_session_on_another_device_than_asked_for_is_refused(
    with_fake_device: Path, make_model: MakeModel
) -> None:
    FakeSession.built_on = "CUDAExecutionProvider"
    with pytest.raises(
        MissingRuntimeError, match=r"tensorrt.*was built on CUDAExecutionProvider.*TensorRT 10"
    ):
        open_runtime(make_model(3), "tensorrt", TWO)


def test_a_verdict_is_for_these_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "DRIVER", tmp_path)
    assert nvidia.nvidia_models() == ()
    for place, model in (("0000:01:00.0", "NVIDIA H100 80GB HBM3"), ("0000:02:00.0", "NVIDIA L4")):
        (tmp_path / "gpus" / place).mkdir(parents=True)
        (tmp_path / "gpus" / place / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 50\n")
    assert nvidia.nvidia_models() == ("NVIDIA H100 80GB HBM3", "NVIDIA L4")
