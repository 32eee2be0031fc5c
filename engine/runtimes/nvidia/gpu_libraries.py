"""The shared libraries of ONNX Runtime's CUDA and TensorRT providers: their files and packages."""

import contextlib
import ctypes
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from seg.engine.runtimes.nvidia.elf import read_elf_dependencies

GpuProvider = Literal["cuda", "tensorrt"]
"""ONNX Runtime's providers for NVIDIA GPUs."""

DRIVER: Final = "the NVIDIA driver"
SYSTEM: Final = "the operating system"

_PACKAGES: Final = {
    "libcublas": "nvidia-cublas",
    "libcublasLt": "nvidia-cublas",
    "libcurand": "nvidia-curand",
    "libcudart": "nvidia-cuda-runtime",
    "libcufft": "nvidia-cufft",
    "libnvrtc": "nvidia-cuda-nvrtc",
    "libcudnn": "nvidia-cudnn",
    "libnvinfer": "tensorrt",
    "libnvonnxparser": "tensorrt",
    "libcuda": DRIVER,
}
_CUDA_RUNTIME: Final = re.compile(r"libcudart\.so\.(\d+)")
_SUFFIXED_BEFORE: Final = 13
"""Up to CUDA 12 the names of all CUDA packages end in the version; from 13 on only cuDNN's and TensorRT's."""

_OPENED_LATER: Final = {12: ("libcudnn.so.9", "libcufft.so.11", "libnvrtc.so.12"),
                        13: ("libcudnn.so.9", "libcufft.so.12", "libnvrtc.so.13")}  # fmt: skip
"""Libraries that the CUDA provider opens on demand, so that its ELF header does not name them.

Source: onnxruntime.preload_dlls, which loads the same.
"""


class GpuLibrary(BaseModel):
    """A shared library that a provider needs.

    `package` is what provides it: a package of PyPI, the driver or the operating system. `place` is its file,
    or its bare name if the system's loader finds it, or None if it is missing.
    """

    model_config = ConfigDict(frozen=True)

    provider: GpuProvider
    name: str
    package: str
    place: str | None


def provider_library(provider: GpuProvider) -> Path | None:
    """The provider's own library; None if this ONNX Runtime was built without it, or is not for Linux."""
    found = importlib.util.find_spec("onnxruntime")
    if found is None or found.origin is None:
        return None
    file = Path(found.origin).parent / "capi" / f"libonnxruntime_providers_{provider}.so"
    return file if file.exists() else None


def gpu_libraries_of(provider: GpuProvider) -> tuple[GpuLibrary, ...]:
    """All libraries that a provider needs, CUDA's first; empty if the provider is missing or damaged."""
    file = provider_library(provider)
    if file is None:
        return ()
    try:
        names = read_elf_dependencies(file)
    except ValueError:  # a damaged file: opening a session reports it
        return ()
    cuda = cuda_version(names)
    if provider == "cuda":
        names += _OPENED_LATER.get(cuda, ())
    found = [
        GpuLibrary(
            provider=provider, name=name, package=package_of_library(name, cuda), place=find_gpu_library(name)
        )
        for name in dict.fromkeys(names)
    ]
    return tuple(sorted(found, key=lambda one: (one.package == SYSTEM, one.package == DRIVER)))


def cuda_version(names: tuple[str, ...]) -> int:
    """The major version of CUDA that a library was linked with."""
    versions = [int(found[1]) for name in names if (found := _CUDA_RUNTIME.fullmatch(name))]
    return versions[0] if versions else _SUFFIXED_BEFORE


def package_of_library(name: str, cuda: int) -> str:
    """The package that provides a library for that major version of CUDA."""
    stem, _, version = name.partition(".so.")
    package = _PACKAGES.get(stem, SYSTEM)
    if package == "tensorrt":
        return f"tensorrt-cu{cuda}=={version}.*"
    if package == "nvidia-cudnn" or (package.startswith("nvidia-") and cuda < _SUFFIXED_BEFORE):
        return f"{package}-cu{cuda}"
    return package


def find_gpu_library(name: str) -> str | None:
    """The file of a library: in a package, on LD_LIBRARY_PATH, or known to the system's loader."""
    for folder in _library_folders():
        if (folder / name).exists():
            return str(folder / name)
    try:
        ctypes.CDLL(name)
    except OSError:
        return None
    return name


def load_gpu_libraries(provider: GpuProvider) -> None:
    """Load a provider's libraries from their packages, so that a session finds them.

    The system's loader does not search packages, and ONNX Runtime searches only next to itself.
    """
    for library in gpu_libraries_of(provider):
        if library.place and library.place != library.name:
            # Opening a session reports what cannot be loaded.
            with contextlib.suppress(OSError):
                ctypes.CDLL(library.place)


@cache
def _library_folders() -> tuple[Path, ...]:
    return tuple(dict.fromkeys(_all_library_folders()))


def _all_library_folders() -> Iterator[Path]:
    """NVIDIA's packages come before the system's folders, since they were installed for this environment."""
    for entry in map(Path, filter(None, sys.path)):
        yield from sorted(entry.glob("nvidia/*/lib"))
        yield from sorted(entry.glob("tensorrt_libs"))
    yield from map(Path, filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)))
