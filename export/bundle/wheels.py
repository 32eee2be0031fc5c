"""The wheels of seg and of all that prediction needs, downloaded for a named Python and platform."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from email.parser import Parser
from pathlib import Path
from typing import Final

import seg
from seg.distribution import DISTRIBUTION
from seg.errors import SegError
from seg.export.bundle.request import BundleRequest

_MANYLINUX: Final = re.compile(r"manylinux_2_(\d+)_(\w+)")
_OLDEST_MANYLINUX: Final = 5
_SYNONYMS: Final = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""The older names of these versions of manylinux."""

_LINUX: Final = {"sys_platform": "linux", "platform_machine": "x86_64"}

_WITHOUT_CUDA: Final = ("onnxruntime-gpu", "onnxruntime")
"""On a box without a GPU the second takes the place of the first, at a tenth of its size."""


def download_wheels(folder: Path, request: BundleRequest) -> None:
    """Fill a folder with seg's wheel and all that it requires there.

    Raises:
        SegError: a wheel cannot be built or downloaded; with the last line of pip's explanation.
    """
    own = _wheel_of_seg(folder)
    _run_pip(
        "download", "--quiet", "--only-binary=:all:",
        "--implementation=cp", f"--python-version={request.python}",
        *(f"--platform={platform}" for platform in compatible_platforms(request.platform)),
        f"--dest={folder}", *requirements_for(wheel_requires_of(own), request.extras),
    )  # fmt: skip


def compatible_platforms(platform: str) -> Iterator[str]:
    """The platforms whose wheels run on a platform: for manylinux the older versions, too (PEP 600)."""
    yield platform
    if not (named := _MANYLINUX.fullmatch(platform)):
        return
    newest, processor = int(named[1]), named[2]
    for version in range(newest, _OLDEST_MANYLINUX - 1, -1):
        if version < newest:
            yield f"manylinux_2_{version}_{processor}"
        if version in _SYNONYMS:
            yield f"{_SYNONYMS[version]}_{processor}"


def requirements_for(requires: Sequence[str], extras: Sequence[str]) -> list[str]:
    """The requirements of a prediction box on Linux, from those in a wheel's metadata.

    Args:
        requires: each as in `Requires-Dist`.
        extras: those to install.
    """
    from packaging.requirements import Requirement

    chosen = []
    for requirement in map(Requirement, requires):
        environments = [{**_LINUX, "extra": extra} for extra in ("", *extras)]
        if requirement.marker and not any(map(requirement.marker.evaluate, environments)):
            continue
        requirement.marker = None
        gpu, cpu = _WITHOUT_CUDA
        if requirement.name == gpu and "cuda" not in extras:
            requirement.name = cpu
        chosen.append(str(requirement))
    return chosen


def wheel_requires_of(wheel: Path) -> list[str]:
    """The requirements in a wheel's metadata."""
    with zipfile.ZipFile(wheel) as content:
        name = next(name for name in content.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(content.read(name).decode()).get_all("Requires-Dist") or []


def _wheel_of_seg(folder: Path) -> Path:
    """The wheel of seg itself: built from the checkout that runs, or downloaded in the version that runs."""
    checkout = Path(seg.__file__).resolve().parents[1]
    if (checkout / "pyproject.toml").exists():
        _run_pip("wheel", "--quiet", "--no-deps", f"--wheel-dir={folder}", str(checkout))
    else:
        _run_pip("download", "--quiet", "--no-deps", f"--dest={folder}", f"{DISTRIBUTION}=={seg.__version__}")
    return next(folder.glob(f"{DISTRIBUTION}-*.whl"))


def _run_pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
        raise SegError(
            f"wheels cannot be had: {said[-1].removeprefix('ERROR: ')}: is a package index reachable?"
        )
