"""Fixtures that tests of every room share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images and weights, or a skip that says where it was looked for."""
    folder = Path(os.environ.get("SEG_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "camvid").is_dir():
        pytest.skip(f"no real images at {folder}: set SEG_SHARED_DATA to the folder that holds them")
    return folder
