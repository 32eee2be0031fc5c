"""What `seg doctor` finds: beside ONNX Runtime itself, and on machines that are made up."""

import ctypes
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from seg.engine.doctor import DoctorReport, runtime_checks
from seg.engine.doctor.devices import NvidiaDriver, find_nvidia_driver
from seg.engine.doctor.report import Machine
from seg.engine.doctor.runtime_checks import RuntimeCheck, check_runtime
from seg.engine.runtimes import hardware
from seg.engine.runtimes.nvidia import gpu_libraries, nvidia
from seg.engine.runtimes.nvidia.gpu_libraries import (
    DRIVER,
    GpuLibrary,
    find_gpu_library,
    load_gpu_libraries,
    package_of_library,
)
from seg.errors import MissingRuntimeError


def test_the_tiny_model_is_what_numpy_expects_of_it() -> None:
    images_nhwc = np.random.default_rng(3).integers(0, 256, (2, 7, 9, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(
        runtime_checks.tiny_model_to_check().SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(None, {"image": images_nhwc})
    np.testing.assert_allclose(found, runtime_checks.expected_probabilities(images_nhwc), atol=1e-5)


def test_the_cpu_is_usable_and_a_runtime_that_computes_nonsense_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = check_runtime("cpu")
    assert check.is_usable
    assert onnxruntime.__version__ in check.runs_on
    monkeypatch.setattr(runtime_checks, "expected_probabilities", lambda images_nhwc: np.zeros((1, 3, 8, 8)))
    with pytest.raises(MissingRuntimeError, match="runtime cpu: not usable here: it computes wrong"):
        runtime_checks.run_runtime_check("cpu")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (
            "import os, sys; sys.stderr.write('about to\\n'); os.abort()",
            "the check ended with code -6: about to",
        ),
        ("import sys; sys.stderr.write('no driver\\n'); sys.exit(2)", "no driver"),
        ("import time; time.sleep(60)", "not ready after 1 s"),
    ],
)
def test_a_trial_that_crashes_fails_or_hangs_is_a_line(
    program: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = subprocess.run

    def instead(command: list[str], **options: Any) -> Any:
        return run([sys.executable, "-c", program], **options)

    monkeypatch.setattr(subprocess, "run", instead)
    monkeypatch.setattr(runtime_checks, "TIME_LIMIT_S", 1 if "sleep" in program else 60)
    assert check_runtime("cuda") == RuntimeCheck(runtime="cuda", is_usable=False, reason=reason)


class FakeNvml(SimpleNamespace):
    """As much of `pynvml` as is asked for, with one device, of which the driver says no utilisation."""

    class NVMLError(Exception):
        """As the library's own."""

    def nvmlInit(self) -> None:  # noqa: N802
        if self.is_broken:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> None:  # noqa: N802
        raise self.NVMLError("Not Supported")


def fake_nvml(monkeypatch: pytest.MonkeyPatch, *, is_broken: bool = False) -> None:
    values: dict[str, Any] = {
        "nvmlShutdown": None,
        "nvmlSystemGetCudaDriverVersion_v2": 13010,
        "nvmlSystemGetDriverVersion": b"580.65.06",
        "nvmlDeviceGetCount": 1,
        "nvmlDeviceGetHandleByIndex": 7,
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=80 * 2**30, used=2**30),
        "nvmlDeviceGetCudaComputeCapability": (9, 0),
        "nvmlDeviceGetName": "NVIDIA H100",
        "nvmlDeviceGetUUID": "GPU-1",
    }
    calls = {name: lambda *_, value=value: value for name, value in values.items()}
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(is_broken=is_broken, **calls))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)


def test_devices_are_those_that_the_driver_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_nvml(monkeypatch)
    driver = find_nvidia_driver()
    assert (driver.version, driver.cuda, driver.missing) == ("580.65.06", "13.1", "")
    (device,) = driver.devices
    assert (device.name, device.compute_capability, device.utilisation) == ("NVIDIA H100", "9.0", None)


def test_without_a_driver_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_nvml(monkeypatch, is_broken=True)
    assert find_nvidia_driver() == NvidiaDriver(missing="no NVIDIA driver responds: Driver Not Loaded")


def test_without_nvidia_ml_py_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert find_nvidia_driver().missing == "nvidia-ml-py is not installed: pip install 'segensemble[cuda]'"


@pytest.mark.parametrize(
    ("library", "cuda", "package"),
    [
        ("libcublasLt.so.13", 13, "nvidia-cublas"),
        ("libcublasLt.so.12", 12, "nvidia-cublas-cu12"),
        ("libcudnn.so.9", 13, "nvidia-cudnn-cu13"),
        ("libcudnn.so.9", 12, "nvidia-cudnn-cu12"),
        ("libnvinfer.so.10", 13, "tensorrt-cu13==10.*"),
        ("libcuda.so.1", 13, DRIVER),
    ],
)
def test_libraries_have_packages(library: str, cuda: int, package: str) -> None:
    assert package_of_library(library, cuda) == package


def test_libraries_are_found_wherever_python_looks_for_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nvidia/cu99/lib").mkdir(parents=True)
    (tmp_path / "nvidia/cu99/lib/libmine.so.1").write_bytes(b"")
    monkeypatch.setattr(sys, "path", ["", *sys.path, str(tmp_path)])
    gpu_libraries._library_folders.cache_clear()
    assert find_gpu_library("libmine.so.1") == str(tmp_path / "nvidia/cu99/lib/libmine.so.1")
    assert find_gpu_library("libnobodys.so.1") is None
    assert find_gpu_library("libc.so.6") == "libc.so.6"
    gpu_libraries._library_folders.cache_clear()


def test_what_packages_brought_is_loaded_and_a_broken_file_is_left_to_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places = {
        "a": "/packages/a",
        "broken": "/packages/broken",
        "of the system": "of the system",
        "gone": None,
    }
    loaded = []

    def load(place: str) -> None:
        if "broken" in place:
            raise OSError("invalid ELF header")
        loaded.append(place)

    monkeypatch.setattr(
        gpu_libraries,
        "gpu_libraries_of",
        lambda provider: [
            GpuLibrary(provider=provider, name=name, package="p", place=place)
            for name, place in places.items()
        ],
    )
    monkeypatch.setattr(ctypes, "CDLL", load)
    load_gpu_libraries("cuda")
    assert loaded == ["/packages/a"]


def test_findings_name_what_to_install() -> None:
    libraries = [
        GpuLibrary(provider="cuda", name="libcurand.so.10", package="nvidia-curand", place=None),
        GpuLibrary(
            provider="cuda", name="libcudart.so.13", package="nvidia-cuda-runtime", place="/somewhere"
        ),
        GpuLibrary(provider="tensorrt", name="libnvinfer.so.10", package="tensorrt-cu13==10.*", place=None),
        GpuLibrary(
            provider="tensorrt", name="libnvonnxparser.so.10", package="tensorrt-cu13==10.*", place=None
        ),
    ]
    report = DoctorReport(
        seg="1",
        machine=Machine(
            system="", python="", processor="", cores=1, cores_of_machine=1, memory=None, openvino_devices={}
        ),
        driver=NvidiaDriver(missing="no driver"),
        libraries=tuple(libraries),
        runtimes=(),
        versions={"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.1"},
    )
    both, driver, curand, tensorrt = report.findings
    assert both.startswith("onnxruntime and onnxruntime-gpu are both installed")
    assert driver == "no driver"
    assert curand == "runtime cuda needs nvidia-curand: pip install 'segensemble[cuda]'"
    assert tensorrt == "runtime tensorrt needs tensorrt-cu13==10.*: pip install 'tensorrt-cu13==10.*'"


@pytest.mark.parametrize("is_handed_on", [True, False])
def test_a_device_of_wsl2_has_no_file_of_nvidia(
    is_handed_on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DEVICES", "DRIVER", "WSL2"):
        monkeypatch.setattr(nvidia, name, tmp_path / name)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if is_handed_on:
        (tmp_path / "WSL2").touch()
    assert nvidia.has_nvidia_device() == is_handed_on
    assert nvidia.visible_nvidia_devices() == (("0",) if is_handed_on else ())


@pytest.mark.parametrize(("text", "expected"), [("1073741824", 2**30), ("max", None), ("", None)])
def test_a_containers_memory_counts(
    text: str, expected: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = hardware.memory_limit()
    (tmp_path / "memory.max").write_text(text)
    monkeypatch.setattr(hardware, "MEMORY_MAX", tmp_path / "memory.max")
    assert hardware.memory_limit() == (expected or whole)
