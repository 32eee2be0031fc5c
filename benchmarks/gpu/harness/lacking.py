"""Packages that a borrowed machine lacks: what stands in for them, and what they cost."""

import importlib.util
from pathlib import Path
from typing import Final

STAND_INS: Final = Path(__file__).parents[1] / "stand_ins"
"""A folder for each module, with what stands in for it."""

COSTS: Final = {
    "annotated_doc": "typer takes a stand-in",
    "shellingham": "typer takes a stand-in",
    "simplejpeg": "JPEGs are decoded by OpenCV",
    "pynvml": "devices and driver are not listed",
    "pytest": "pytest -m gpu is not run",
    "pytest_timeout": "pytest -m gpu is not run",
    "hypothesis": "pytest -m gpu is not run",
    "torch": "nothing is trained, exported or compared",
    "segmentation_models_pytorch": "nothing is trained, exported or compared",
}
"""What the benchmark does without each of these modules."""


def lacking_modules() -> list[str]:
    """The modules of `COSTS` that are not installed here."""
    return [name for name in COSTS if not _is_installed(name)]


def stand_in_folders() -> list[Path]:
    """The folders of those stand-ins whose modules are not installed, for PYTHONPATH."""
    return [STAND_INS / name for name in lacking_modules() if (STAND_INS / name).is_dir()]


def _is_installed(name: str) -> bool:
    found = importlib.util.find_spec(name)
    return found is not None and STAND_INS not in Path(found.origin or "").parents
