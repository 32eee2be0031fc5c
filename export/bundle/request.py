"""What a bundle is made for: Python, platform and extras."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from seg.errors import SpecError
from seg.spec import EnsembleSpec
from seg.spec.base import did_you_mean

EXTRAS: Final = ("cuda", "openvino", "geo")
"""The extras of prediction that a bundle may hold."""

DEFAULT_PLATFORM: Final = "manylinux_2_28_x86_64"

_EXTRA_OF_RUNTIME: Final = {
    "cuda": "cuda",
    "tensorrt": "cuda",
    "openvino": "openvino",
    "openvino-bf16": "openvino",
}
OLDEST_PYTHON: Final = 11
"""The second part of the oldest version that seg runs on."""

_PYTHON: Final = re.compile(r"3\.([0-9]{1,2})")
_PLATFORM: Final = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class BundleRequest:
    """Attributes:
    python: the version of Python there, such as `3.11`.
    platform: as in the names of wheels.
    extras: some of `EXTRAS`.
    """

    python: str
    platform: str
    extras: tuple[str, ...]

    @classmethod
    def of(
        cls,
        spec: EnsembleSpec,
        python: str | None = None,
        platform: str | None = None,
        extras: Sequence[str] | None = None,
    ) -> Self:
        """By default this Python on Linux, with the extra that the spec's runtime needs.

        Raises:
            SpecError: there is no such Python, platform or extra, or the runtime's files fit one machine
                only.
        """
        if spec.runtime == "tensorrt-plan":
            raise SpecError(
                "runtime: tensorrt-plan: a plan fits the GPU that it was built on: set tensorrt or cuda"
            )
        python = python or f"{sys.version_info.major}.{sys.version_info.minor}"
        version = _PYTHON.fullmatch(python)
        if version is None or int(version[1]) < OLDEST_PYTHON:
            raise SpecError(f"--python {python}: name a version from 3.{OLDEST_PYTHON}, such as 3.12")
        if not _PLATFORM.fullmatch(platform or DEFAULT_PLATFORM):
            raise SpecError(f"--platform {platform}: name one as wheels do, such as {DEFAULT_PLATFORM}")
        for extra in extras or ():
            if extra not in EXTRAS:
                raise SpecError(f"--extra {extra}: {did_you_mean(extra, EXTRAS)}")
        needed = _EXTRA_OF_RUNTIME.get(spec.runtime)
        wanted = {*(extras or ()), *([needed] if needed else [])}
        return cls(python, platform or DEFAULT_PLATFORM, tuple(sorted(wanted)))
