"""The report of `seg doctor`: everything about a machine that belongs in a bug report."""

import contextlib
import os
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

import seg
from seg.distribution import install_advice
from seg.engine.doctor.devices import NvidiaDriver, find_nvidia_driver
from seg.engine.doctor.runtime_checks import RuntimeCheck, check_all_runtimes
from seg.engine.runtimes.hardware import memory_limit, processor_name, usable_cores
from seg.engine.runtimes.nvidia.gpu_libraries import DRIVER, SYSTEM, GpuLibrary, gpu_libraries_of
from seg.engine.runtimes.openvino.library import has_openvino, import_openvino
from seg.spec.ensemble.prediction import RuntimeName

PACKAGES: Final = (
    "onnxruntime-gpu",
    "onnxruntime",
    "onnx",
    "numpy",
    "opencv-python-headless",
    "pycocotools",
    "pydantic",
    "openvino",
    "torch",
    "torchvision",
    "lightning",
    "segmentation-models-pytorch",
    "timm",
    "tensorrt",
    "tensorrt-rtx",
    "cuda-bindings",
    "nvidia-ml-py",
    "nvidia-cudnn-cu13",
    "nvidia-cuda-runtime",
    "nvidia-curand",
)
"""The packages whose versions are reported, installed or not."""

BOTH_INSTALLED: Final = (
    "onnxruntime and onnxruntime-gpu are both installed and share one folder, so that either may be broken:"
    " pip uninstall onnxruntime onnxruntime-gpu, then install seg again"
)


class Machine(BaseModel):
    """The machine: cores that this process may use, and memory in bytes within the container's limit."""

    model_config = ConfigDict(frozen=True)

    system: str
    python: str
    processor: str
    cores: int
    cores_of_machine: int
    memory: int | None
    openvino_devices: Mapping[str, tuple[str, ...]]
    """The precisions of each of OpenVINO's devices; empty if it is not installed."""


class DoctorReport(BaseModel):
    """What a machine has and what it can run; `findings` has a line for each problem."""

    model_config = ConfigDict(frozen=True)

    seg: str
    machine: Machine
    driver: NvidiaDriver
    libraries: tuple[GpuLibrary, ...]
    runtimes: tuple[RuntimeCheck, ...]
    versions: Mapping[str, str | None]

    @property
    def findings(self) -> tuple[str, ...]:
        missing = [one for one in self.libraries if one.place is None]
        lines = [BOTH_INSTALLED] if self.versions["onnxruntime"] and self.versions["onnxruntime-gpu"] else []
        lines += [self.driver.missing] if self.driver.missing else []
        lines += [
            f"runtime {provider} needs {package}{_advice_to_install_package(package)}"
            for provider, package in dict.fromkeys((one.provider, one.package) for one in missing)
        ]
        return tuple(lines)

    def check(self, name: RuntimeName) -> RuntimeCheck:
        return next(one for one in self.runtimes if one.runtime == name)


def examine_machine() -> DoctorReport:
    """Examine this machine; takes some seconds, since every runtime is tried."""
    return DoctorReport(
        seg=seg.__version__,
        machine=_describe_machine(),
        driver=find_nvidia_driver(),
        libraries=(*gpu_libraries_of("cuda"), *gpu_libraries_of("tensorrt")),
        runtimes=check_all_runtimes(),
        versions={name: _version_of_package(name) for name in PACKAGES},
    )


def _describe_machine() -> Machine:
    return Machine(
        system=platform.platform(),
        python=f"{platform.python_version()}, {sys.executable}",
        processor=processor_name(),
        cores=usable_cores(),
        cores_of_machine=os.cpu_count() or 1,
        memory=memory_limit(),
        openvino_devices=_openvino_devices(),
    )


def _openvino_devices() -> dict[str, tuple[str, ...]]:
    if not has_openvino():
        return {}
    # A broken OpenVINO also fails its check, which reports why.
    with contextlib.suppress(ImportError, OSError, RuntimeError):
        core: Any = import_openvino().Core()
        return {
            device: tuple(core.get_property(device, "OPTIMIZATION_CAPABILITIES"))
            for device in core.available_devices
        }
    return {}


def _version_of_package(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _advice_to_install_package(package: str) -> str:
    if package in (DRIVER, SYSTEM):
        return ""
    return ": " + (install_advice("cuda") if package.startswith("nvidia-") else f"pip install '{package}'")
