"""The devices that tests of the engine run on."""

import pytest

from seg.engine.merging.device_ops import DeviceOps
from seg.engine.passes.device_values import Device
from seg.engine.runtimes.nvidia import nvidia
from tests.engine.tiny_models import CLASSES
from tests.fake_gpu import FakeGpu


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    """A GPU for plans, which is none."""
    gpu = FakeGpu()
    gpu.install(monkeypatch)
    return gpu


@pytest.fixture(
    scope="module",
    params=[
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(
                    not nvidia.is_nvidia_usable("cuda"), reason="no CUDA device that ONNX Runtime can use"
                ),
            ],
        ),
    ],
)
def device(request: pytest.FixtureRequest) -> Device:
    chosen: Device = request.param
    return chosen


@pytest.fixture(scope="module")
def device_ops(device: Device) -> DeviceOps:
    return DeviceOps(device, len(CLASSES))
