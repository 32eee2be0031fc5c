"""The extra `cuda` brings every library that ONNX Runtime's CUDA library asks the loader for."""

import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from seg.engine.runtimes.nvidia.elf import read_elf_dependencies
from seg.engine.runtimes.nvidia.gpu_libraries import DRIVER, SYSTEM, gpu_libraries_of, provider_library

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = [("cuda",), ("train", "cuda")]
ELSEWHERE = {
    "libcuda.so.1",  # the driver's
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
}
"""What no package of Python brings."""


def requirements_of(extras: tuple[str, ...]) -> list[Requirement]:
    """Those of seg itself with these extras, as `pyproject.toml` has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    return [
        Requirement(text) for text in [*project["dependencies"], *(t for e in extras for t in optional[e])]
    ]


def distributions_for(requirements: list[Requirement]) -> set[str]:
    """The names of all distributions that pip installs for these, by what is installed here.

    Raises:
        PackageNotFoundError: one of them is not installed.
    """
    found: set[tuple[str, str]] = set()
    waiting = [(one, extra) for one in requirements for extra in ("", *one.extras) if applies(one, "")]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for text in metadata.requires(name) or []:
            needed = Requirement(text)
            if applies(needed, extra):
                waiting += [(needed, of) for of in ("", *needed.extras)]
    return {name for name, _ in found}


def applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def libraries_in(distributions: set[str]) -> Iterator[Path]:
    for name in distributions:
        for file in metadata.files(name) or []:
            if ".so" in file.name:
                yield Path(str(file.locate()))


@pytest.fixture(scope="module", params=EXTRAS, ids="+".join)
def brought(request: pytest.FixtureRequest) -> dict[str, Path]:
    """The shared libraries that these extras bring, by name."""
    try:
        distributions = distributions_for(requirements_of(request.param))
    except metadata.PackageNotFoundError as error:
        pytest.skip(f"{error}: needs segensemble[{','.join(request.param)}], whose libraries it checks")
    return {path.name: path for path in libraries_in(distributions)}


@pytest.fixture(scope="module")
def cuda_library() -> Path:
    file = provider_library("cuda")
    if file is None:
        pytest.skip("this ONNX Runtime was built without CUDA")
    return file


def test_every_library_that_cuda_needs_is_brought(brought: dict[str, Path], cuda_library: Path) -> None:
    """And every library that those need, in their turn."""
    seen: set[str] = set()
    missing: set[str] = set()
    waiting = [*read_elf_dependencies(cuda_library), *(one.name for one in gpu_libraries_of("cuda"))]
    while waiting:
        name = waiting.pop()
        if name in seen | ELSEWHERE:
            continue
        seen.add(name)
        if name in brought:
            waiting += read_elf_dependencies(brought[name])
        else:
            missing.add(name)
    assert not missing
    assert {"libcublas", "libcudart", "libcudnn"} <= {name.partition(".")[0] for name in seen}


def test_packages_are_those_that_bring_the_libraries(brought: dict[str, Path], cuda_library: Path) -> None:
    """What `seg doctor` names is the package in which the library really is."""
    for library in gpu_libraries_of("cuda"):
        if library.package in (DRIVER, SYSTEM):
            continue
        files = [file.name for file in metadata.files(library.package) or []]
        assert library.name in files


def test_the_extra_and_the_base_name_one_distribution() -> None:
    """`onnxruntime` and `onnxruntime-gpu` share a folder, in which they would overwrite each other."""
    names = {one.name for one in requirements_of(("cuda",)) if applies(one, "")}
    assert len(names & {"onnxruntime", "onnxruntime-gpu"}) == 1
