"""NVIDIA devices and their driver, as the driver's own library (NVML) lists them.

It is the same on Linux, Windows and WSL2, where there are no files in /dev to look at. Source: nvidia-ml-py.
"""

import importlib.util
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

NEEDS_PACKAGE: Final = "nvidia-ml-py is not installed: pip install 'seg[cuda]'"


class Device(BaseModel):
    """A device: memory in bytes, utilisation in percent as of now."""

    model_config = ConfigDict(frozen=True)

    number: int
    name: str
    uuid: str
    compute_capability: str
    memory: int
    memory_used: int
    utilisation: int | None


class Driver(BaseModel):
    """The driver, the newest CUDA that it runs, and its devices; or why nothing is known of them."""

    model_config = ConfigDict(frozen=True)

    version: str = ""
    cuda: str = ""
    devices: tuple[Device, ...] = ()
    missing: str = ""


def find_driver() -> Driver:
    """Ask the driver; never raises."""
    if importlib.util.find_spec("pynvml") is None:
        return Driver(missing=NEEDS_PACKAGE)
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return Driver(missing=f"no NVIDIA driver can be asked: {error}")
    try:
        cuda = pynvml.nvmlSystemGetCudaDriverVersion_v2()
        return Driver(
            version=_text(pynvml.nvmlSystemGetDriverVersion()),
            cuda=f"{cuda // 1000}.{cuda % 1000 // 10}",
            devices=tuple(_device(pynvml, number) for number in range(pynvml.nvmlDeviceGetCount())),
        )
    except pynvml.NVMLError as error:
        return Driver(missing=f"the NVIDIA driver cannot be asked: {error}")
    finally:
        pynvml.nvmlShutdown()


def _device(nvml: Any, number: int) -> Device:
    handle = nvml.nvmlDeviceGetHandleByIndex(number)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    return Device(
        number=number,
        name=_text(nvml.nvmlDeviceGetName(handle)),
        uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
        compute_capability=f"{major}.{minor}",
        memory=memory.total,
        memory_used=memory.used,
        utilisation=_utilisation(nvml, handle),
    )


def _utilisation(nvml: Any, handle: Any) -> int | None:
    """None where the driver does not say, as for a part of a device (MIG)."""
    try:
        return int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except nvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
