"""The libraries that ONNX Runtime's CUDA and TensorRT providers need: where each is, and what brings it."""

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

from seg.engine.runtimes.elf import needed_libraries

GpuProvider = Literal["cuda", "tensorrt"]
"""ONNX Runtime's own kernels, or engines of TensorRT around them."""

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
"""Up to CUDA 12 all packages of CUDA have its version in their names; from 13 on cuDNN and TensorRT alone."""

_OPENED_LATER: Final = {12: ("libcudnn.so.9", "libcufft.so.11", "libnvrtc.so.12"),
                        13: ("libcudnn.so.9", "libcufft.so.12", "libnvrtc.so.13")}  # fmt: skip
"""What the CUDA provider opens by itself when a model asks for it, so that no header names it.

Source: onnxruntime.preload_dlls, which looks for the same.
"""


class Library(BaseModel):
    """A shared library that a provider needs.

    `package` is what brings it: a package of PyPI, the driver or the operating system. `place` is its file,
    or its own name where the loader finds it in a place of the system, or None where it is missing.
    """

    model_config = ConfigDict(frozen=True)

    provider: GpuProvider
    name: str
    package: str
    place: str | None


def provider_file(provider: GpuProvider) -> Path | None:
    """The provider's own library; None where this ONNX Runtime was built without it, or is not for Linux."""
    found = importlib.util.find_spec("onnxruntime")
    if found is None or found.origin is None:
        return None
    file = Path(found.origin).parent / "capi" / f"libonnxruntime_providers_{provider}.so"
    return file if file.exists() else None


def libraries_of(provider: GpuProvider) -> tuple[Library, ...]:
    """All libraries that a provider needs, those of CUDA first; nothing where it is not there, or damaged."""
    file = provider_file(provider)
    if file is None:
        return ()
    try:
        names = needed_libraries(file)
    except ValueError:  # a damaged file, of which a session will say so
        return ()
    cuda = cuda_version(names)
    if provider == "cuda":
        names += _OPENED_LATER.get(cuda, ())
    found = [
        Library(provider=provider, name=name, package=package_of(name, cuda), place=place_of(name))
        for name in dict.fromkeys(names)
    ]
    return tuple(sorted(found, key=lambda one: (one.package == SYSTEM, one.package == DRIVER)))


def cuda_version(names: tuple[str, ...]) -> int:
    """The major version of CUDA that a library was linked with."""
    versions = [int(found[1]) for name in names if (found := _CUDA_RUNTIME.fullmatch(name))]
    return versions[0] if versions else _SUFFIXED_BEFORE


def package_of(name: str, cuda: int) -> str:
    """What brings a library for that major version of CUDA."""
    stem, _, version = name.partition(".so.")
    package = _PACKAGES.get(stem, SYSTEM)
    if package == "tensorrt":
        return f"tensorrt-cu{cuda}=={version}.*"
    if package == "nvidia-cudnn" or (package.startswith("nvidia-") and cuda < _SUFFIXED_BEFORE):
        return f"{package}-cu{cuda}"
    return package


def place_of(name: str) -> str | None:
    """Where a library is found: in a package, on LD_LIBRARY_PATH, or by the system's loader."""
    for folder in _folders():
        if (folder / name).exists():
            return str(folder / name)
    try:
        ctypes.CDLL(name)
    except OSError:
        return None
    return name


def load_libraries(provider: GpuProvider) -> None:
    """Load what packages brought, so that a session finds it: they are in no folder that the loader knows.

    ONNX Runtime looks beside itself alone; packages may be anywhere where Python finds them.
    """
    for library in libraries_of(provider):
        if library.place and library.place != library.name:
            # What cannot be loaded the session will name.
            with contextlib.suppress(OSError):
                ctypes.CDLL(library.place)


@cache
def _folders() -> tuple[Path, ...]:
    return tuple(dict.fromkeys(_all_folders()))


def _all_folders() -> Iterator[Path]:
    """NVIDIA's packages come before what the system has, as they were installed for this environment."""
    for entry in map(Path, filter(None, sys.path)):
        yield from sorted(entry.glob("nvidia/*/lib"))
        yield from sorted(entry.glob("tensorrt_libs"))
    yield from map(Path, filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)))
