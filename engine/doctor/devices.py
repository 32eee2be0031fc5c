"""NVIDIA devices and their driver, as listed by the driver's library (NVML).

It works the same on Linux, Windows and WSL2, which has no device files in /dev. Source: nvidia-ml-py.
"""

import importlib.util
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from seg.distribution import install_advice

NEEDS_PACKAGE: Final = f"nvidia-ml-py is not installed: {install_advice('cuda')}"


class NvidiaDevice(BaseModel):
    """A device: memory in bytes, current utilisation in percent."""

    model_config = ConfigDict(frozen=True)

    number: int
    name: str
    uuid: str
    compute_capability: str
    memory: int
    memory_used: int
    utilisation: int | None


class NvidiaDriver(BaseModel):
    """The driver, the newest CUDA that it supports, and its devices; or in `missing` why they are unknown."""

    model_config = ConfigDict(frozen=True)

    version: str = ""
    cuda: str = ""
    devices: tuple[NvidiaDevice, ...] = ()
    missing: str = ""


def find_nvidia_driver() -> NvidiaDriver:
    """Query the driver; never raises."""
    if importlib.util.find_spec("pynvml") is None:
        return NvidiaDriver(missing=NEEDS_PACKAGE)
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return NvidiaDriver(missing=f"no NVIDIA driver responds: {error}")
    try:
        cuda = pynvml.nvmlSystemGetCudaDriverVersion_v2()
        return NvidiaDriver(
            version=_nvml_text(pynvml.nvmlSystemGetDriverVersion()),
            cuda=f"{cuda // 1000}.{cuda % 1000 // 10}",
            devices=tuple(_query_device(pynvml, number) for number in range(pynvml.nvmlDeviceGetCount())),
        )
    except pynvml.NVMLError as error:
        return NvidiaDriver(missing=f"the NVIDIA driver does not respond: {error}")
    finally:
        pynvml.nvmlShutdown()


def _query_device(nvml: Any, number: int) -> NvidiaDevice:
    handle = nvml.nvmlDeviceGetHandleByIndex(number)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    return NvidiaDevice(
        number=number,
        name=_nvml_text(nvml.nvmlDeviceGetName(handle)),
        uuid=_nvml_text(nvml.nvmlDeviceGetUUID(handle)),
        compute_capability=f"{major}.{minor}",
        memory=memory.total,
        memory_used=memory.used,
        utilisation=_device_utilisation(nvml, handle),
    )


def _device_utilisation(nvml: Any, handle: Any) -> int | None:
    """None if the driver does not tell, as for a MIG instance."""
    try:
        return int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except nvml.NVMLError:
        return None


def _nvml_text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
